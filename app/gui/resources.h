// Icons and the handbook are compiled in; a static library must say so once before they are used.
#pragma once

/// Cheap, and harmless when called again.
void loadWorkbenchResources();
