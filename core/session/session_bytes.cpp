#include "core/session/session_bytes.h"

namespace qroar {

namespace {

template<class Values>
double bytesOf(const Values& values) {
    return static_cast<double>(values.size() * sizeof(typename Values::value_type));
}

double packedBytes(const ConditionResult& condition) {
    double bytes = 0;
    for (const WindowNll& window : condition.windows) bytes += bytesOf(window.nll);
    for (const WindowDivergence& window : condition.divergence)
        bytes += bytesOf(window.kl) + bytesOf(window.deltaP) + bytesOf(window.sameTop);
    bytes += static_cast<double>(condition.statistics.bytes());
    for (const QkStatistics& document : condition.byDocument) bytes += static_cast<double>(document.bytes());
    const Sensitivity& sensitivity = condition.sensitivity;
    for (const auto* values :
         {&sensitivity.lnGainQ, &sensitivity.lnGainK, &sensitivity.lnOmega, &sensitivity.blockGain})
        bytes += bytesOf(*values);
    bytes += bytesOf(condition.noise.productsOfAll()) + bytesOf(condition.noise.errors());
    return bytes + bytesOf(condition.damage.byLayer) + bytesOf(condition.damage.byBand);
}

} // namespace

double packedBytes(const Session& session) {
    double bytes = 0;
    for (const auto& condition : session.conditions) bytes += packedBytes(*condition);
    return bytes;
}

} // namespace qroar
