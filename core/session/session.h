// Session: everything a run produced and everything a view needs, as one immutable value that threads share
// by shared_ptr<const Session>. Changing something makes a new Session that shares the unchanged parts. Not
// here: files (session_file.h), computation (core/analysis), metrics (core/diagnostics, core/evaluate).
#pragma once

#include "core/capture/noise_statistics.h"
#include "core/capture/qk_statistics.h"
#include "core/model/config.h"
#include "core/quant/quant_spec.h"
#include "core/quant/rtn.h"
#include "core/rope/band_layout.h"
#include "core/rope/bands.h"
#include "core/rope/rope_spec.h"
#include "core/session/damage.h"
#include "core/session/sensitivity.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qroar {

/// What a forward pass was run under: method.md section 4.
struct ConditionKey {
    RopeSpec rope; ///< as asked for (may be `model`)
    int context = 0;
    QuantSpec quant;
    std::string scales{}; ///< name of the scale set (core/scales) that was applied; empty: none
    /// "yarn:4 . 1024 . rtn:4:g64", then " . NAME" with scales: unique within a session.
    [[nodiscard]] std::string text() const;
    /// The weights alone: "rtn:4:g64", then " . NAME" with scales.
    [[nodiscard]] std::string weights() const;
    bool operator==(const ConditionKey&) const = default;
};

/// NLL in nats of the context-1 predicted tokens of a window: nll[t] is that of token t+1 given tokens 0..t.
struct WindowNll {
    int document = 0;
    int index = 0;
    std::vector<float> nll;
    bool operator==(const WindowNll&) const = default;
};

/// How far a window's predictions are from a reference's, for each of the context-1 predicted tokens
/// (definitions: core/evaluate/divergence.h). An external reference may cover only the last ones: then the
/// others are NaN in kl and deltaP.
struct WindowDivergence {
    int document = 0;
    int index = 0;
    std::vector<float> kl;             ///< KL(reference || this), nats
    std::vector<float> deltaP;         ///< p(correct token) here minus that of the reference
    std::vector<std::uint8_t> sameTop; ///< 1: both put the same token first
    bool operator==(const WindowDivergence&) const = default;
};

struct LayerDistortion {
    int layer = 0;
    std::string projection; ///< "q_proj", ...
    Distortion distortion;
    /// Of the projection's outputs on the calibration tokens (calibrate.h); absent without calibration.
    std::optional<Distortion> output;
};

/// The text that a condition's weights were calibrated on (awq, gptq), or the importance matrix that weighted
/// them (rtn, awq): then there is nothing but its name and fingerprint.
struct CalibrationRecord {
    std::vector<std::string> documents; ///< fingerprints
    std::string rope;                   ///< resolved spec
    int context = 0;
    int windows = 0;       ///< of `context` tokens
    std::string imatrix{}; ///< of the importance matrix that weighted it; empty: none
    bool operator==(const CalibrationRecord&) const = default;
};

struct ConditionResult {
    ConditionKey key;
    FrequencyTable table;
    std::vector<WindowNll> windows; ///< ordered by (document, index)
    QkStatistics statistics;        ///< fine position buckets, all documents; no cells when capture was off
    std::vector<QkStatistics> byDocument; ///< zones [0, L0), [L0, context); one per document of the session
    std::vector<LayerDistortion> distortions;     ///< empty for full precision
    std::optional<CalibrationRecord> calibration; ///< absent for weights that need none
    std::vector<WindowDivergence> divergence;     ///< of the same windows; empty without a reference
    std::string reference;                        ///< what `divergence` was measured against; empty without
    Sensitivity sensitivity;                      ///< empty unless gradients were asked for
    NoiseStatistics noise;                        ///< empty unless asked for, and for the reference itself
    Damage damage;                                ///< empty unless asked for, and for the reference itself
    double seconds = 0; ///< wall time of the forward pass with capture, and of the reverse pass
};

struct SessionDocument {
    std::string name, path, fingerprint;
    long long tokens = 0;
    /// textSketch() of a dev document, to tell later what of it occurs in others; empty for all others.
    std::vector<std::uint64_t> sketch{};
    bool operator==(const SessionDocument&) const = default;
};

struct Provenance {
    std::string program; ///< "qroar 0.1.0"
    std::string created; ///< ISO 8601, UTC
    std::string command; ///< command line that does the same
    std::string host;    ///< processor and threads, not the machine's name
    bool operator==(const Provenance&) const = default;
};

struct SearchRecord; ///< core/session/search_record.h
struct WhatIf;       ///< core/session/what_if.h

struct Session {
    static constexpr int schemaVersion = 1;
    std::string modelPath, modelFormat, modelFingerprint;
    ModelConfig model;
    std::vector<SessionDocument> documents;
    int maxWindows = 0;
    BandPartition bands;
    BandStyles bandStyles; ///< names and colours of the bands; empty: none has any
    std::vector<std::shared_ptr<const ConditionResult>> conditions; ///< in the order they were asked for
    std::vector<std::shared_ptr<const SearchRecord>> searches;      ///< in the order they were started
    std::vector<std::shared_ptr<const WhatIf>> whatIfs;             ///< in the order they were pinned
    Provenance provenance;
    std::string viewState; ///< JSON of the window; opaque to core

    [[nodiscard]] std::shared_ptr<const ConditionResult> find(const ConditionKey& key) const;
    /// In the place of the condition with the same key, or behind the others.
    void put(std::shared_ptr<const ConditionResult> condition);
    /// The condition TIR compares with: L0 (or the longest context up to it) without PI, same quantization if
    /// there is one, without scales if there is one.
    [[nodiscard]] std::shared_ptr<const ConditionResult>
    shortReference(const ConditionResult& longCondition) const;
};

} // namespace qroar
