#include "app/gui/window/export_plots.h"

#include "widgets/common/before_after.h"

#include <QDir>
#include <QRegularExpression>

namespace qroar {

namespace {

/// Letters, digits and dashes.
QString fileWords(const QString& text) {
    static const QRegularExpression notWord(QStringLiteral("[^A-Za-z0-9]+"));
    QString words = text.toLower().replace(notWord, "-");
    while (words.endsWith('-')) words.chop(1);
    return words;
}

/// One selection to export under, in a folder of its own.
struct Place {
    QString folder; ///< below the export folder; empty: that one
    int condition = -1;
    int conditionB = -1;                    ///< subtracted from it; -1: not
    std::shared_ptr<const Session> other{}; ///< that conditionB is of, where it is another one
};

/// What the user subtracts from every condition where A - B is on screen; else what differs from it by the
/// gains alone.
struct Subtrahend {
    std::shared_ptr<const Session> other;
    int index = -1;
    [[nodiscard]] const ConditionResult* of(const Session& session) const {
        const auto& conditions = (other ? *other : session).conditions;
        return index >= 0 && index < static_cast<int>(conditions.size())
                   ? conditions[static_cast<std::size_t>(index)].get()
                   : nullptr;
    }
};

std::vector<Place> placesOf(const Session& session, const Subtrahend& chosen) {
    std::vector<Place> places;
    for (int index = 0; index < static_cast<int>(session.conditions.size()); ++index) {
        const ConditionKey& key = session.conditions[static_cast<std::size_t>(index)]->key;
        QString name = fileWords(QString::fromStdString(key.text()));
        for (const Place& other : places)
            if (other.folder == name) name += QStringLiteral("-%1").arg(index);
        places.push_back({name, index});
        const ConditionResult* b = chosen.of(session);
        const ScaleTwins twins = scaleTwins(session, index, {});
        if (b && b != session.conditions[static_cast<std::size_t>(index)].get())
            places.push_back(
                {name + QStringLiteral("-minus-") + fileWords(QString::fromStdString(b->key.text())), index,
                 chosen.index, chosen.other});
        else if (!b && !key.scales.empty() && twins.complete())
            places.push_back({name + QStringLiteral("-minus-before"), index, twins.before});
    }
    return places;
}

class Writer {
  public:
    Writer(const QString& folder, const PlotsToExport& what) : what_(what), root_(folder) {}

    ExportedPlots run() {
        SelectionModel* selection = what_.panels.isEmpty() ? nullptr : what_.panels.first()->selectionModel();
        const auto session = what_.panels.isEmpty() ? nullptr : what_.panels.first()->session();
        const auto other = session ? what_.panels.first()->other() : nullptr;
        const QString name = session ? what_.panels.first()->otherName() : QString();
        const QString ownName = session ? what_.panels.first()->ownName() : QString();
        const QString provenance = session ? what_.panels.first()->otherProvenance() : QString();
        std::vector<Place> places{{}};
        if (what_.everyCondition && session && selection) {
            const Selection& now = selection->selection();
            places =
                placesOf(*session, now.compare == CompareMode::Difference ? Subtrahend{other, now.conditionB}
                                                                          : Subtrahend{});
        }
        all_ = static_cast<int>(places.size() * static_cast<std::size_t>(what_.panels.size()));
        const Selection before = selection ? selection->selection() : Selection();
        for (const Place& place : places) {
            if (what_.everyCondition && selection) {
                Selection next = before;
                next.condition = place.condition;
                next.conditionB = place.conditionB;
                next.compare = place.conditionB < 0 ? CompareMode::A : CompareMode::Difference;
                selection->setSelection(next);
                for (DiagnosticPanel* panel : what_.panels)
                    panel->setOther(place.other, name, provenance, ownName);
            }
            writePanels(place, &place == &places.front());
            if (result_.stopped) break;
        }
        if (selection) selection->setSelection(before);
        for (DiagnosticPanel* panel : what_.panels) panel->setOther(other, name, provenance, ownName);
        return std::move(result_);
    }

  private:
    void writePanels(const Place& place, bool first) {
        used_.clear();
        for (DiagnosticPanel* panel : what_.panels) {
            if (what_.progress && !what_.progress(done_++, all_)) {
                result_.stopped = true;
                return;
            }
            const bool apart = !panel->followsCondition() && !place.folder.isEmpty();
            if (apart && !first) continue;
            const QDir folder(apart ? root_ : QDir(root_).filePath(place.folder));
            if (!folder.mkpath(".")) {
                result_.failed << DiagnosticPanel::tr("%1: the folder cannot be made").arg(folder.path());
                continue;
            }
            writeVariants(*panel, folder);
        }
    }

    void writeVariants(DiagnosticPanel& panel, const QDir& folder) {
        const QStringList variants = what_.everyMetric ? panel.variants() : QStringList();
        if (variants.isEmpty()) {
            QString name = fileWords(panel.title());
            while (used_.contains(name)) name += "-2";
            write(panel, folder, name);
            return;
        }
        const QString kind = panel.variantPrefix();
        const int before = panel.variant();
        for (int index = 0; index < static_cast<int>(variants.size()); ++index) {
            const QString name = kind + u'-' + fileWords(variants[index]);
            if (used_.contains(name)) continue; // two views with the same choice of metrics
            panel.setVariant(index);
            write(panel, folder, name);
        }
        panel.setVariant(before);
    }

    void write(DiagnosticPanel& panel, const QDir& folder, const QString& name) {
        used_ << name;
        if (const QString empty = panel.emptyText(); !empty.isEmpty()) {
            result_.skipped << QStringLiteral("%1: %2").arg(panel.title(), empty);
            return;
        }
        for (const QString& format : what_.formats) {
            if (format == QLatin1String("csv")) {
                for (const DiagnosticPanel::Table& table : panel.tables()) {
                    const QString path =
                        folder.filePath(name + (table.key.isEmpty() ? QString() : u'-' + table.key) + ".csv");
                    QString error;
                    note(panel.exportTable(table, path, &error), path, error);
                }
                continue;
            }
            const QString path = folder.filePath(name + u'.' + format);
            QString error;
            note(panel.exportTo(path, &error), path, error);
        }
    }

    void note(bool fine, const QString& path, const QString& error) {
        if (fine)
            result_.written << path;
        else
            result_.failed << error;
    }

    const PlotsToExport& what_;
    QString root_;
    QStringList used_; ///< names in the folder at hand
    ExportedPlots result_;
    int done_ = 0, all_ = 0;
};

} // namespace

QStringList unknownFormats(const QStringList& formats) {
    QStringList unknown;
    for (const QString& format : formats)
        if (!QStringList{"svg", "png", "pdf", "csv"}.contains(format)) unknown << format;
    return unknown;
}

ExportedPlots exportPlotsTo(const QString& folder, const PlotsToExport& what) {
    return Writer(folder, what).run();
}

} // namespace qroar
