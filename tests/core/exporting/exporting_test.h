// What the tests of core/exporting share: models to export, gains, requests, and ways to look at the result
// that do not go through the exporter.
#pragma once

#include "core/exporting/export_model.h"
#include "tests/core/model/model_test.h"
#include "tests/support/reference_llama.h"
#include "tests/support/tiny_decoder.h"

#include <cmath>
#include <map>
#include <random>
#include <set>

namespace qroar::test {

inline ProgressSink silent;

inline std::shared_ptr<const Model> opened(const std::filesystem::path& path) {
    auto model = openModel(path);
    if (!model) qFatal("%s", model.error().message.c_str());
    return *model;
}

/// Gains between 1/spread and spread, every (layer, head, pair) another.
inline QkGains randomGains(const ModelConfig& config, unsigned seed, double spread = 1.5) {
    QkGains gains = QkGains::ones(config);
    std::mt19937 random(seed);
    const auto draw = [&] {
        const double unit = static_cast<double>(random()) / 4294967296.0;
        return std::exp((2 * unit - 1) * std::log(spread));
    };
    for (double& gain : gains.q) gain = draw();
    for (double& gain : gains.k) gain = draw();
    return gains;
}

inline ExportRequest requestOf(const std::shared_ptr<const Model>& model, const std::string& quant,
                               ExportFormat format, const std::filesystem::path& target) {
    ExportRequest request;
    request.model = model;
    auto spec = QuantSpec::parse(quant);
    if (!spec) qFatal("%s", spec.error().message.c_str());
    auto weights = openWeights(model, *spec);
    if (!weights) qFatal("%s", weights.error().message.c_str());
    request.weights = *weights;
    request.format = format;
    request.target = target;
    return request;
}

inline RopeSpec ropeOf(const std::string& text) {
    auto spec = RopeSpec::parse(text);
    if (!spec) qFatal("%s", spec.error().message.c_str());
    return *spec;
}

/// The file of the tensors of a model that has one.
inline const ExportedFile& tensorFileOf(const ExportReport& report) {
    for (const ExportedFile& file : report.files)
        if (file.name == "model.safetensors") return file;
    qFatal("no model.safetensors was written");
}

/// name -> bytes of every file in a folder.
inline std::map<std::string, std::string> filesOf(const std::filesystem::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        files[entry.path().filename().string()] = wholeFile(entry.path());
    return files;
}

/// Names in a folder, hidden ones too.
inline std::set<std::string> namesIn(const std::filesystem::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.insert(entry.path().filename().string());
    return names;
}

/// Gain of a row of W_Q or W_K under the half-split layout, by the definition of a pair.
inline double rowGain(const QkGains& gains, const ModelConfig& config, bool query, int layer, int row) {
    const int head = row / config.headDim, inside = row % config.headDim;
    if (gains.empty() || inside >= config.rotaryDim) return 1;
    const auto pair = static_cast<std::size_t>(inside % (config.rotaryDim / 2));
    return query ? gains.queryGains(layer, head)[pair] : gains.keyGains(layer, head)[pair];
}

} // namespace qroar::test

/// The call succeeds; it is made once.
#define QROAR_EXPORTED(call)                                                                                 \
    do {                                                                                                     \
        const auto exported = (call);                                                                        \
        QVERIFY2(exported.ok(), exported.ok() ? "" : exported.error().message.c_str());                      \
    } while (false)
