// How fast this machine compresses what a session is made of: for estimates of how long saving takes. Not
// here: the file (session_file.h).
#pragma once

namespace qroar {

/// Bytes a second of counts of histograms, shuffled and deflated as the file's arrays are; on one thread, as
/// HDF5 works. Touches no file and not HDF5, so any thread may ask. In about a tenth of a second.
double packingSpeed();

} // namespace qroar
