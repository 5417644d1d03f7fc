#include "widgets/panels/perplexity_panel.h"

namespace qroar {

PerplexityPanel::PerplexityPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Perplexity"), selection, parent) {}
void PerplexityPanel::refresh(Changes) {}

} // namespace qroar
