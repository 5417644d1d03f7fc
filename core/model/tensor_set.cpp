#include "core/model/tensor_set.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/model/json_text.h"
#include "core/model/safetensors.h"

#include <map>

namespace qroar {

namespace {

constexpr std::size_t maxIndexBytes = 64u * 1048576;
constexpr std::size_t maxShards = 4096;

/// Reads {"metadata": anything, "weight_map": {tensor: shard}}.
class IndexHandler final : public StrictJsonHandler {
  public:
    using StrictJsonHandler::StrictJsonHandler;
    std::vector<std::pair<std::string, std::string>> weightMap;
    bool sawWeightMap = false;

    bool null() override { return skipping("null"); }
    bool boolean(bool) override { return skipping("a boolean"); }
    bool number_integer(number_integer_t) override { return skipping("a number"); }
    bool number_unsigned(number_unsigned_t) override { return skipping("a number"); }
    bool number_float(number_float_t, const string_t&) override { return skipping("a number"); }
    bool start_array(std::size_t) override { return skipping("an array") && ++depth_; }
    bool end_array() override { return --depth_ > 0; }
    bool start_object(std::size_t) override {
        if (depth_ > 0 && !(depth_ == 1 && inWeightMap_) && !skipping("an object")) return false;
        ++depth_;
        return true;
    }
    bool end_object() override {
        if (--depth_ == 1) inWeightMap_ = false;
        return true;
    }
    bool key(string_t& name) override {
        if (depth_ == 1) {
            inWeightMap_ = name == "weight_map";
            if (inWeightMap_ && sawWeightMap) return fail("the key \"weight_map\" is there twice");
            sawWeightMap = sawWeightMap || inWeightMap_;
        } else if (inWeightMap_) {
            weightMap.emplace_back(std::move(name), std::string());
        }
        return true;
    }
    bool string(string_t& text) override {
        if (!inWeightMap_ || depth_ != 2) return skipping("the text " + quotedText(text));
        weightMap.back().second = std::move(text);
        return true;
    }

  private:
    /// Anything goes below other keys than weight_map; below it only texts do, and the whole must be an
    /// object.
    bool skipping(const std::string& found) {
        if (depth_ > 0 && !inWeightMap_) return true;
        return fail(depth_ == 0 ? "expected an object, found " + found
                                : "key \"weight_map\": expected an object of file names, found " + found);
    }
    int depth_ = 0;
    bool inWeightMap_ = false;
};

/// A shard is a plain file name beside the index; anything that could lead elsewhere is refused.
bool isPlainFileName(const std::string& name) {
    return !name.empty() && name != "." && name.find_first_of(std::string("/\\:\0", 4)) == std::string::npos
           && name.find("..") == std::string::npos;
}

/// shard -> indices into `weightMap`; ordered, so that shards are read in a fixed order.
Outcome<std::map<std::string, std::vector<std::size_t>>>
groupByShard(const std::vector<std::pair<std::string, std::string>>& weightMap, const std::string& source) {
    std::map<std::string, std::vector<std::size_t>> shards;
    std::unordered_map<std::string_view, std::size_t> names;
    for (std::size_t entry = 0; entry < weightMap.size(); ++entry) {
        const auto& [tensor, shard] = weightMap[entry];
        if (!names.emplace(tensor, entry).second)
            return Error::bad(source + ": tensor " + quotedText(tensor) + " is there twice");
        if (!isPlainFileName(shard))
            return Error::bad(source + ": tensor " + quotedText(tensor)
                              + ": expected the name of a file in the same folder, found "
                              + quotedText(shard));
        shards[shard].push_back(entry);
        if (shards.size() > maxShards)
            return Error::bad(source + ": more than " + formatCount(maxShards) + " shards");
    }
    return shards;
}

} // namespace

std::string TensorSet::add(const std::vector<TensorView>& tensors) {
    for (const TensorView& tensor : tensors) {
        if (!byName_.emplace(tensor.name, tensors_.size()).second) return tensor.name;
        tensors_.push_back(tensor);
    }
    return {};
}

Outcome<TensorSet> TensorSet::openFile(const std::filesystem::path& path) {
    auto file = SafetensorsFile::open(path);
    if (!file) return file.error();
    TensorSet set;
    set.add((*file)->tensors()); // a single file has no duplicates: its reader refuses them
    return set;
}

Outcome<TensorSet> TensorSet::openSharded(const std::filesystem::path& index) {
    const std::string source = index.string();
    const auto text = readFile(index, maxIndexBytes);
    if (!text) return text.error();
    if (Status checked = checkJsonText(*text, source); !checked) return checked.error();
    IndexHandler handler(source);
    const bool parsed = nlohmann::json::sax_parse(*text, &handler);
    if (handler.error()) return *handler.error();
    if (!parsed) return Error::bad(source + ": not valid JSON");
    if (handler.weightMap.empty())
        return Error::bad(source + ": key \"weight_map\": expected an object that gives each tensor's file");
    const auto shards = groupByShard(handler.weightMap, source);
    if (!shards) return shards.error();

    TensorSet set;
    for (const auto& [shard, entries] : *shards) {
        const auto path = index.parent_path() / shard;
        auto file = SafetensorsFile::open(path);
        if (!file) return file.error().in(source + ": shard " + quotedText(shard));
        for (const std::size_t entry : entries)
            if (!(*file)->find(handler.weightMap[entry].first))
                return Error::bad(source + ": tensor " + quotedText(handler.weightMap[entry].first)
                                  + ": expected in shard " + quotedText(shard) + ", which does not hold it");
        if ((*file)->tensors().size() > entries.size())
            set.warnings_.push_back(shard + " holds "
                                    + std::to_string((*file)->tensors().size() - entries.size())
                                    + " tensors that the index does not list");
        if (const std::string twice = set.add((*file)->tensors()); !twice.empty())
            return Error::bad(source + ": tensor " + quotedText(twice) + " is stored in two shards, "
                              + quotedText(shard) + " is the second");
    }
    return set;
}

Outcome<TensorSet> TensorSet::openFolder(const std::filesystem::path& folder) {
    std::error_code ignored;
    const auto single = folder / "model.safetensors";
    const auto index = folder / "model.safetensors.index.json";
    if (std::filesystem::exists(single, ignored)) return openFile(single);
    if (std::filesystem::exists(index, ignored)) return openSharded(index);
    const bool pickled = std::filesystem::exists(folder / "pytorch_model.bin", ignored)
                         || std::filesystem::exists(folder / "pytorch_model.bin.index.json", ignored);
    return Error::notFound(folder.string()
                           + ": expected model.safetensors or model.safetensors.index.json, found neither"
                           + (pickled ? "; pytorch_model.bin is not read, convert it to safetensors" : ""));
}

const TensorView* TensorSet::find(const std::string& name) const {
    const auto found = byName_.find(name);
    return found == byName_.end() ? nullptr : &tensors_[found->second];
}

} // namespace qroar
