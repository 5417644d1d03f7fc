// What conditions and models are called on screen, in titles, lists and legends alike. Files and commands
// keep the specs themselves (RopeSpec::text(), QuantSpec::text()).
#pragma once

#include "core/session/session.h"
#include "widgets/common/theme.h"

#include <QString>
#include <QStringList>

namespace qroar {

/// "rtn:4:g64", then " · NAME" with scales; "FP" for the weights as they are ("none" would read as "no RoPE
/// scaling").
QString weightsName(const ConditionKey& key);
/// "yarn:4 · rtn:4:g64": what the contexts of one curve have in common.
QString familyName(const ConditionKey& key);
/// "yarn:4 · 4,096 · rtn:4:g64", then " · NAME" with scales.
QString conditionName(const ConditionKey& key);
/// What a spec does, in a sentence: "no scaling (none)", "longrope, short factors" where those are in force
/// at this length, else the spec.
QString scalingName(const FrequencyTable& table, long long context);
/// File or folder of the model; with the folder around it where the name alone ("model") says nothing.
QString modelName(const Session& session);

/// The shortest end of `path`, of whole names, in which it differs from all of `others`: "run.h5", or
/// "b/run.h5" beside "a/run.h5". Relative paths are those of the current folder.
QString nameApart(const QString& path, const QStringList& others);

/// "band 3", or what somebody called it.
QString bandName(const BandStyles& styles, int band);
QString bandName(const Session& session, int band);
/// "3", or what somebody called it: where room is short, and the axis says that these are bands.
QString bandLabel(const BandStyles& styles, int band);
/// "pair 3", "pairs 0–6".
QString pairsText(int first, int last);
/// The colour somebody gave it, or the theme's own for this index; without transparency.
QColor bandColour(const BandStyles& styles, int band, const PlotTheme& theme);

} // namespace qroar
