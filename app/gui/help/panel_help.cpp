#include "app/gui/help/panel_help.h"

#include "widgets/panels/diagnostic_panel.h"

#include <QCoreApplication>
#include <QDockWidget>

namespace qroar {

namespace {

struct Entry {
    const char *key, *page, *anchor, *name;
};

constexpr char theory[] = "theory.md", tour[] = "tour.md";

/// Keys of panels are their classes, with the variant behind a slash where each has a section of its own.
constexpr Entry entries[] = {
    {"HeatMapPanel/tir", theory, "tail-inflation-ratio-tir-ours-after-the-papers-wording",
     QT_TRANSLATE_NOOP("PanelHelp", "TIR")},
    {"HeatMapPanel/tir_over_m", theory, "tail-inflation-ratio-tir-ours-after-the-papers-wording",
     QT_TRANSLATE_NOOP("PanelHelp", "TIR / m")},
    {"HeatMapPanel/excess_tail_mass", theory, "tail-inflation-ratio-tir-ours-after-the-papers-wording",
     QT_TRANSLATE_NOOP("PanelHelp", "Excess tail mass")},
    {"HeatMapPanel/excess_tail_mass_without_m", theory,
     "tail-inflation-ratio-tir-ours-after-the-papers-wording",
     QT_TRANSLATE_NOOP("PanelHelp", "Excess tail mass")},
    {"HeatMapPanel/ip_raw", theory, "interpolation-pressure-ip-ours-after-the-papers-wording",
     QT_TRANSLATE_NOOP("PanelHelp", "Interpolation pressure")},
    {"HeatMapPanel/ip_saturated", theory, "interpolation-pressure-ip-ours-after-the-papers-wording",
     QT_TRANSLATE_NOOP("PanelHelp", "Interpolation pressure")},
    {"HeatMapPanel/ip_weighted", theory, "interpolation-pressure-ip-ours-after-the-papers-wording",
     QT_TRANSLATE_NOOP("PanelHelp", "Interpolation pressure")},
    {"HeatMapPanel/ip_measured", theory, "sensitivities-measured-pressure-and-gains-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Measured pressure")},
    {"HeatMapPanel/gain_sensitivity", theory, "sensitivities-measured-pressure-and-gains-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Gain sensitivity")},
    {"HeatMapPanel/range_dilation", theory, "dynamic-range-dilation-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Range dilation")},
    {"HeatMapPanel/bits_lost", theory, "calibration-loss-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Calibration loss")},
    {"HeatMapPanel/clip_rate", theory, "calibration-loss-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Calibration loss")},
    {"HeatMapPanel/top_share", theory, "top-shares-ours", QT_TRANSLATE_NOOP("PanelHelp", "Top shares")},
    {"HeatMapPanel/anisotropy", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Anisotropy")},
    {"HeatMapPanel/noise_depth", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Anisotropy")},
    {"HeatMapPanel/logit_noise_rms", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Logit noise")},
    {"HeatMapPanel/logit_noise_mean", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Logit noise")},
    {"HeatMapPanel/band_damage_kl", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Damage")},
    {"HeatMapPanel/band_damage_nll", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Damage")},
    {"HeatMapPanel/band_damage_noise_kl", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Damage")},
    {"HeatMapPanel/layer_damage_kl", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Damage")},
    {"HeatMapPanel/layer_damage_nll", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Damage")},
    {"HeatMapPanel/layer_damage_noise_kl", theory, "quantization-noise-ours",
     QT_TRANSLATE_NOOP("PanelHelp", "Damage")},
    {"HeatMapPanel", theory, "what-is-recorded-ours", QT_TRANSLATE_NOOP("PanelHelp", "What is recorded")},
    {"SpectrumPanel", theory, "rope-scalings-std", QT_TRANSLATE_NOOP("PanelHelp", "RoPE scalings")},
    {"HistogramPanel", theory, "what-is-recorded-ours", QT_TRANSLATE_NOOP("PanelHelp", "What is recorded")},
    {"OutlierPanel", theory, "top-shares-ours", QT_TRANSLATE_NOOP("PanelHelp", "Top shares")},
    {"PerplexityPanel", theory, "perplexity-std", QT_TRANSLATE_NOOP("PanelHelp", "Perplexity")},
    {"DistortionPanel/output_snr_db", theory, "output-error-std",
     QT_TRANSLATE_NOOP("PanelHelp", "Output error")},
    {"NoisePanel", theory, "quantization-noise-ours", QT_TRANSLATE_NOOP("PanelHelp", "Logit noise")},
    {"PhasePanel", theory, "rope-phases-std", QT_TRANSLATE_NOOP("PanelHelp", "RoPE phases")},
    {"RopeAuditPanel", theory, "rope-audit-std", QT_TRANSLATE_NOOP("PanelHelp", "RoPE audit")},
    {"DistortionPanel", theory, "round-to-nearest-quantization-rtn-std",
     QT_TRANSLATE_NOOP("PanelHelp", "Weight distortion")},
    {"SearchPanel", theory, "search-paper-the-idea-ours-everything-below",
     QT_TRANSLATE_NOOP("PanelHelp", "Search")},
    {"setup", tour, "configure", QT_TRANSLATE_NOOP("PanelHelp", "Setup")},
    {"project", tour, "look", QT_TRANSLATE_NOOP("PanelHelp", "Project")},
    {"searchSetup", tour, "search", QT_TRANSLATE_NOOP("PanelHelp", "Search")},
    {"export", "export.md", "formats", QT_TRANSLATE_NOOP("PanelHelp", "Export")},
    {"log", "troubleshooting.md", "the-window", QT_TRANSLATE_NOOP("PanelHelp", "The window")},
};

HelpTopic topicOf(const Entry& entry) {
    return {QLatin1String(entry.page), QLatin1String(entry.anchor),
            QCoreApplication::translate("PanelHelp", entry.name)};
}

const Entry* entryOf(const QString& key) {
    for (const Entry& entry : entries)
        if (key == QLatin1String(entry.key)) return &entry;
    return nullptr;
}

} // namespace

HelpTopic topicOf(const DiagnosticPanel& panel) {
    const QString name = QString::fromLatin1(panel.metaObject()->className()).section("::", -1);
    const QString variant = panel.variants().value(panel.variant());
    if (const Entry* entry = entryOf(name + '/' + variant)) return topicOf(*entry);
    if (const Entry* entry = entryOf(name)) return topicOf(*entry);
    return {QLatin1String(tour), QStringLiteral("look"), panel.title()};
}

HelpTopic topicOf(const QWidget* widget) {
    for (; widget; widget = widget->parentWidget()) {
        if (const auto* panel = qobject_cast<const DiagnosticPanel*>(widget)) return topicOf(*panel);
        if (qobject_cast<const QDockWidget*>(widget))
            if (const Entry* entry = entryOf(widget->objectName())) return topicOf(*entry);
    }
    return {QStringLiteral("index.md"), {}, QCoreApplication::translate("PanelHelp", "Handbook")};
}

QList<HelpTopic> allTopics() {
    QList<HelpTopic> topics;
    for (const Entry& entry : entries) topics << topicOf(entry);
    return topics;
}

} // namespace qroar
