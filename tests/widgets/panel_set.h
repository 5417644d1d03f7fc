// One of every panel on a shared selection, for tests that must hold for all of them.
#pragma once

#include "widgets/panels/distortion_panel.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/histogram_panel.h"
#include "widgets/panels/outlier_panel.h"
#include "widgets/panels/perplexity_panel.h"
#include "widgets/panels/spectrum_panel.h"

#include <memory>
#include <vector>

namespace qroar::test {

struct PanelSet {
    SelectionModel selection;
    std::unique_ptr<SpectrumPanel> spectrum = std::make_unique<SpectrumPanel>(&selection);
    std::unique_ptr<HeatMapPanel> tir =
        std::make_unique<HeatMapPanel>(HeatMapMetric::TailInflation, &selection);
    std::unique_ptr<HeatMapPanel> pressure =
        std::make_unique<HeatMapPanel>(HeatMapMetric::PressureWeighted, &selection);
    std::unique_ptr<HistogramPanel> histogram = std::make_unique<HistogramPanel>(&selection);
    std::unique_ptr<OutlierPanel> outlier = std::make_unique<OutlierPanel>(&selection);
    std::unique_ptr<PerplexityPanel> perplexity = std::make_unique<PerplexityPanel>(&selection);
    std::unique_ptr<DistortionPanel> distortion = std::make_unique<DistortionPanel>(&selection);

    struct Named {
        const char* name;
        DiagnosticPanel* panel;
    };
    [[nodiscard]] std::vector<Named> all() const {
        return {{"spectrum", spectrum.get()},    {"tir", tir.get()},         {"pressure", pressure.get()},
                {"histogram", histogram.get()},  {"outlier", outlier.get()}, {"perplexity", perplexity.get()},
                {"distortion", distortion.get()}};
    }
    void setSession(const std::shared_ptr<const Session>& session) {
        for (const Named& one : all()) one.panel->setSession(session);
    }
};

} // namespace qroar::test
