#include "core/exporting/side_files.h"

#include "core/base/files.h"
#include "core/scales/folded_gains.h"

#include <algorithm>
#include <iterator>

namespace qroar {

namespace fs = std::filesystem;

namespace {

constexpr const char* usualNames[] = {
    "tokenizer.json",     "tokenizer_config.json",   "tokenizer.model",   "vocab.json",
    "merges.txt",         "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "chat_template.json", "generation_config.json"};
/// Licences and their likes begin like this.
constexpr const char* usualBeginnings[] = {"LICENSE", "LICENCE", "NOTICE", "COPYING", "USE_POLICY"};
/// Weights in a form that an export neither reads nor changes.
constexpr const char* weightSuffixes[] = {".safetensors", ".bin", ".pt",   ".pth",  ".ckpt", ".h5",
                                          ".msgpack",     ".ot",  ".gguf", ".onnx", ".npz",  ".index.json"};

bool endsWith(const std::string& text, const std::string& suffix) {
    return text.size() >= suffix.size()
           && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

bool isUsual(const std::string& name) {
    return std::find(std::begin(usualNames), std::end(usualNames), name) != std::end(usualNames)
           || std::any_of(std::begin(usualBeginnings), std::end(usualBeginnings),
                          [&name](const char* begin) { return name.rfind(begin, 0) == 0; });
}

bool isOtherWeights(const std::string& name) {
    if (name.rfind("tok", 0) == 0) return false; // tokenizer.bin and its like
    return std::any_of(std::begin(weightSuffixes), std::end(weightSuffixes),
                       [&name](const char* suffix) { return endsWith(name, suffix); });
}

void addFile(const fs::path& path, SideFiles& side) {
    std::error_code error;
    const std::uint64_t bytes = fs::file_size(path, error);
    if (!error) side.files.push_back({path, path.filename().string(), bytes});
}

/// Names of what lies in a folder, sorted.
std::vector<fs::directory_entry> entriesOf(const fs::path& folder) {
    std::vector<fs::directory_entry> entries;
    std::error_code error;
    for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
         at.increment(error))
        entries.push_back(*at);
    std::sort(entries.begin(), entries.end());
    return entries;
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

} // namespace

fs::path modelFolder(const Model& model) {
    std::error_code ignored;
    if (fs::is_directory(model.path(), ignored)) return model.path();
    const fs::path parent = model.path().parent_path();
    return parent.empty() ? fs::path(".") : parent;
}

SideFiles tokenizerFiles(const Model& model) {
    SideFiles side;
    std::error_code ignored;
    const fs::path folder = modelFolder(model);
    if (model.config().architecture == "llama2.c") {
        for (const std::string& name :
             {"tok" + std::to_string(model.config().vocabSize) + ".bin", std::string("tokenizer.bin")}) {
            if (!fs::is_regular_file(folder / name, ignored)) continue;
            addFile(folder / name, side);
            side.notes.push_back(name
                                 + " is copied as it is: qroar and llama2.c read it, transformers, vLLM and "
                                   "llama.cpp do not; no tokenizer.json is made from it");
            return side;
        }
        side.notes.push_back("no tokenizer lies beside the model: none is exported");
        return side;
    }
    for (const auto& entry : entriesOf(folder))
        if (entry.is_regular_file(ignored) && isUsual(entry.path().filename().string()))
            addFile(entry.path(), side);
    const auto isTokenizer = [](const SideFile& file) {
        return file.name == "tokenizer.json" || file.name == "tokenizer.model" || file.name == "vocab.json";
    };
    if (std::none_of(side.files.begin(), side.files.end(), isTokenizer))
        side.notes.push_back("no tokenizer lies beside the model: none is exported");
    return side;
}

SideFiles patchedFolderFiles(const Model& model, const std::vector<std::string>& weights) {
    SideFiles side;
    std::vector<std::string> left;
    std::error_code ignored;
    const bool sharded = fs::is_directory(model.path(), ignored)
                         && std::find(weights.begin(), weights.end(), "model.safetensors") == weights.end();
    for (const auto& entry : entriesOf(modelFolder(model))) {
        const std::string name = entry.path().filename().string();
        if (name == "config.json" || name == foldedMarkName
            || std::find(weights.begin(), weights.end(), name) != weights.end())
            continue;
        const bool index = sharded && name == "model.safetensors.index.json";
        if (!entry.is_regular_file(ignored) || (!index && isOtherWeights(name)))
            left.push_back(name);
        else
            addFile(entry.path(), side);
    }
    if (!left.empty())
        side.notes.push_back("left behind, as it may hold weights without the scales: " + joined(left));
    return side;
}

Status copyBytes(const fs::path& source, OutputFile& target, std::uint64_t bytes, double workPerByte,
                 WorkMeter& meter) {
    constexpr std::size_t chunk = 4u * 1048576;
    const auto mapped = MappedFile::open(source);
    if (!mapped) return mapped.error();
    if ((*mapped)->bytes().size() != bytes)
        return Error::io(source.string() + ": changed while it was copied");
    for (std::size_t at = 0; at < bytes; at += chunk) {
        const auto part = (*mapped)->bytes().subspan(at, std::min<std::size_t>(chunk, bytes - at));
        if (Status written = target.writeAt(at, part); !written) return written;
        if (!meter.add(workPerByte * static_cast<double>(part.size()))) return Error::cancelled();
        meter.reportNow();
    }
    return Done{};
}

Status copySideFiles(const SideFiles& side, const fs::path& folder, double workPerByte, WorkMeter& meter) {
    for (const SideFile& file : side.files) {
        auto target = OutputFile::create(folder / file.name, file.bytes);
        if (!target) return target.error();
        if (Status copied = copyBytes(file.source, *target, file.bytes, workPerByte, meter); !copied)
            return copied;
        if (Status finished = target->finish(); !finished) return finished;
    }
    return Done{};
}

} // namespace qroar
