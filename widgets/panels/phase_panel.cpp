#include "widgets/panels/phase_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/plot_room.h"

#include <QLabel>
#include <QLineEdit>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numbers>
#include <numeric>

namespace qroar {

namespace {

constexpr double pi = std::numbers::pi;
constexpr int stepsPerOctave = 4;

/// The specs among the words of `text`; `wrong` says what the last of the other words lacks.
std::vector<RopeSpec> specsIn(const QString& text, QString* wrong) {
    std::vector<RopeSpec> specs;
    for (const QString& word :
         QString(text).replace(u',', u' ').simplified().split(u' ', Qt::SkipEmptyParts)) {
        auto spec = RopeSpec::parse(word.toStdString());
        if (spec)
            specs.push_back(std::move(*spec));
        else
            *wrong = QString::fromStdString(spec.error().message);
    }
    return specs;
}

} // namespace

QString PhasePanel::Spec::label() const {
    return (QStringList{name} + equals).join(QStringLiteral(" = "));
}

QString PhasePanel::Spec::title() const {
    return (QStringList{said.isEmpty() ? name : said} + equals).join(QStringLiteral(" = "));
}

double wrappedAngle(double angle) {
    const double rest = std::remainder(angle, 2 * pi);
    return rest <= -pi ? rest + 2 * pi : rest;
}

PhasePanel::PhasePanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("RoPE phases"), selection, parent), pages_(new QStackedWidget),
      specEdit_(new QLineEdit(this)), valueBox_(new CompactComboBox(this)),
      viewBox_(new CompactComboBox(this)) {
    valueBox_->addEntry(tr("Angle ω′·D, modulo 2π"), tr("angle mod 2π"));
    valueBox_->addEntry(tr("cos(ω′·D)"), tr("cosine"));
    valueBox_->addEntry(tr("Angle ω′·D, unwrapped"), tr("unwrapped"));
    valueBox_->setAccessibleName(tr("Value"));
    for (int entry = 0; entry < valueBox_->count(); ++entry)
        valueBox_->setItemData(
            entry,
            tr("ω′·D: the angle that RoPE puts between a query and a key D tokens before it, ω′ the pair's "
               "frequency after scaling. [std]")
                + u'\n' + tr("Handbook (F1): theory.md#rope-phases-std"),
            Qt::ToolTipRole);
    viewBox_->addEntry(tr("Maps: pairs by distance"), tr("maps"));
    viewBox_->addEntry(tr("Curves of the selected pair"), tr("curves"));
    viewBox_->setAccessibleName(tr("View"));
    specEdit_->setAccessibleName(tr("More RoPE specs"));
    specEdit_->setPlaceholderText(tr("add specs: yarn:8"));
    specEdit_->setToolTip(
        tr("RoPE specs to compare with those of the session, separated by spaces or commas: none, linear:4, "
           "ntk:4, dynamic:4, yarn:8, llama3:8"));
    specEdit_->setClearButtonEnabled(true);
    specEdit_->setMinimumWidth(150);
    addOption(QStringLiteral("value"), valueBox_,
              {QStringLiteral("wrapped"), QStringLiteral("cosine"), QStringLiteral("unwrapped")});
    addOption(QStringLiteral("view"), viewBox_, {QStringLiteral("maps"), QStringLiteral("curves")});
    addOption(QStringLiteral("specs"), specEdit_, [](const QString& text, QString* wrong) {
        QStringList words;
        for (const RopeSpec& spec : specsIn(text, wrong)) words << QString::fromStdString(spec.text());
        return words.join(u' ');
    });
    for (QWidget* control : std::initializer_list<QWidget*>{valueBox_, viewBox_, specEdit_})
        addControl(control);
    for (CompactComboBox* box : {valueBox_, viewBox_})
        connect(box, &QComboBox::currentIndexChanged, this, [this] {
            home();
            invalidate(OptionsChanged);
        });
    connect(specEdit_, &QLineEdit::editingFinished, this, [this] { invalidate(OptionsChanged); });

    auto* content = new QWidget(this);
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(0, 0, 0, 0);
    errorLabel_ = new QLabel(content);
    errorLabel_->setWordWrap(true);
    errorLabel_->hide();
    column->addWidget(errorLabel_);
    column->addWidget(pages_, 1);
    auto* grid = new PlotGrid(pages_);
    for (int at = 0; at < mostMaps; ++at) {
        HeatMapPlot*& map = maps_[static_cast<size_t>(at)];
        map = new HeatMapPlot(grid);
        grid->add(map);
        addFigurePart(map);
        connect(map, &HeatMapPlot::cellSelected, this, [this](int pair, int) {
            Selection next = this->selection();
            next.pair = pair;
            next.band = shownBands().bandOf(pair);
            selectionModel()->setSelection(next);
        });
    }
    curves_ = new LinePlot(pages_);
    curves_->setLegendAbove(true);
    addFigurePart(curves_);
    pages_->addWidget(grid);
    pages_->addWidget(curves_);
    setContent(content);
}

QString PhasePanel::noSessionText() const {
    return tr("Open a model to see the phases of its rotary pairs.");
}

PhasePanel::Value PhasePanel::value() const {
    return static_cast<Value>(valueBox_->currentIndex());
}

double PhasePanel::valueOf(double angle) const {
    return value() == Wrapped ? wrappedAngle(angle) : value() == Cosine ? std::cos(angle) : angle;
}

QString PhasePanel::valueTitle() const {
    return value() == Wrapped  ? tr("ω′·D mod 2π (rad)")
           : value() == Cosine ? tr("cos(ω′·D)")
                               : tr("ω′·D (rad)");
}

int PhasePanel::context() const {
    const Side side = shown();
    int longest = side.condition ? side.condition->key.context : model().maxPositions;
    if (differs()) longest = std::min(longest, sideB().condition->key.context); // distances that both have
    return std::max(2, longest);
}

const ModelConfig& PhasePanel::model() const {
    const Side side = shown();
    return side.session ? side.session->model : session()->model;
}

int PhasePanel::selectedPair() const {
    const int pairs = model().pairs();
    if (selection().pair >= 0 && selection().pair < pairs) return selection().pair;
    return shownBands().count() > 0 ? shownBands().begin(selectedBand()) : 0;
}

void PhasePanel::refresh(Changes) {
    specEdit_->setEnabled(selection().compare != CompareMode::Difference);
    if (selection().compare == CompareMode::Difference)
        if (const QString why = whyNoDifference(); !why.isEmpty()) return showEmpty(why);
    collectSpecs();
    errorLabel_->setText(specError_);
    errorLabel_->setVisible(!specError_.isEmpty());
    if (specs_.empty())
        return showEmpty(specError_.isEmpty() ? tr("This model has no rotary frequencies.") : specError_);
    chooseDistances();
    arrangeParts();
    const bool maps = viewBox_->currentIndex() == 0;
    pages_->setCurrentIndex(viewBox_->currentIndex());
    if (differs()) {
        maps ? drawDifferenceMap() : drawDifferenceCurve();
        fillDifferenceTable();
        return showContent(maps ? tr("Phase error by pair and distance")
                                : tr("Phase error of pair %1 by distance").arg(selectedPair()),
                           tr("%1 minus %2").arg(sideA().name, sideB().name), differenceSummary());
    }
    maps ? drawMaps() : drawCurves();
    fillTable();
    QStringList names;
    for (const Spec& spec : specs_) names << spec.title();
    const QString length = groupedCount(context()); // some tables depend on it
    showContent(maps ? tr("Phases by pair and distance, L = %1").arg(length)
                     : tr("Phase of pair %1 by distance, L = %2").arg(selectedPair()).arg(length),
                names.join(QStringLiteral(" · ")), summaryText());
}

void PhasePanel::addSpec(const RopeSpec& spec, std::size_t room) {
    auto table = buildFrequencyTable(spec, model().ropeModel(), context());
    if (!table) {
        specError_ = QString::fromStdString(table.error().message);
        return;
    }
    const QString name = QString::fromStdString(spec.text());
    const auto same = [&](const Spec& other) {
        return other.name == name
               || (other.table.omega == table->omega
                   && other.table.attentionFactor == table->attentionFactor);
    };
    if (const auto known = std::find_if(specs_.begin(), specs_.end(), same); known != specs_.end()) {
        if (known->name != name && !known->equals.contains(name)) known->equals << name;
        return;
    }
    if (specs_.size() >= room) {
        if (!notShown_.contains(name)) notShown_ << name;
        return;
    }
    specs_.push_back({name, std::move(*table)});
    if (specs_.back().table.spec.kind == RopeKind::LongRope) // which of its lists that is
        specs_.back().said = scalingName(specs_.back().table, context());
}

void PhasePanel::collectSpecs() {
    specs_.clear();
    specError_.clear();
    notShown_.clear();
    if (differs()) {
        for (const Side& side : {sideA(), sideB()}) specs_.push_back({side.name, side.condition->table});
        return;
    }
    // What was typed comes first where there is no room for all.
    const std::vector<RopeSpec> typed = specsIn(specEdit_->text(), &specError_);
    const size_t room = mostMaps - std::min<size_t>(typed.size(), mostMaps);
    if (const Side side = shown();
        side.condition && selection().compare == CompareMode::B && side.condition == sideB().condition)
        specs_.push_back({tr("B: %1").arg(side.name), side.condition->table}); // alone, and named
    else
        collectSpecsOfSession(room);
    for (const RopeSpec& spec : typed) addSpec(spec, mostMaps);
    for (const Spec& spec : specs_)
        for (const QString& name : QStringList{spec.name} + spec.equals) notShown_.removeAll(name);
    if (notShown_.isEmpty()) return;
    if (!specError_.isEmpty()) specError_ += u'\n';
    specError_ += tr("Not shown, because there is room for %1 different specs: %2")
                      .arg(mostMaps)
                      .arg(notShown_.join(QStringLiteral(", ")));
}

void PhasePanel::collectSpecsOfSession(std::size_t room) {
    const auto chosen = condition();
    std::vector<RopeSpec> own;
    if (session()->conditions.empty()) {
        own.emplace_back().kind = RopeKind::Model;
    } else {
        if (chosen) own.push_back(chosen->key.rope);
        for (const auto& one : session()->conditions)
            if (std::find(own.begin(), own.end(), one->key.rope) == own.end()) own.push_back(one->key.rope);
    }
    // without scaling first, so that the others are seen beside it
    std::stable_partition(own.begin(), own.end(),
                          [](const RopeSpec& spec) { return spec.kind == RopeKind::None; });
    for (const RopeSpec& spec : own) addSpec(spec, room);
}

void PhasePanel::chooseDistances() {
    // With 0 to 3 first, every fourth column is a power of two: what the labels show.
    distances_ = {0, 1, 2, 3};
    const int longest = context();
    while (distances_.back() >= longest) distances_.pop_back();
    for (int step = 2 * stepsPerOctave;; ++step) {
        const auto distance =
            static_cast<int>(std::lround(std::pow(2.0, static_cast<double>(step) / stepsPerOctave)));
        if (distance >= longest) break;
        distances_.push_back(distance);
    }
    distances_.push_back(longest);
}

std::size_t PhasePanel::mapCount() const {
    return viewBox_->currentIndex() != 0 ? 0 : differs() ? 1 : specs_.size();
}

void PhasePanel::arrangeParts() {
    const auto shownMaps = mapCount();
    const double width = shownMaps > 1 ? 0.5 : 1, height = shownMaps > 2 ? 0.5 : 1;
    for (size_t at = 0; at < maps_.size(); ++at) {
        maps_[at]->setVisible(at < shownMaps);
        useFigurePart(
            maps_[at], at < shownMaps,
            {static_cast<double>(at % 2) * width, static_cast<double>(at / 2) * height, width, height});
    }
    useFigurePart(curves_, viewBox_->currentIndex() == 1);
}

void PhasePanel::drawMaps() {
    const int pairs = model().pairs(), columns = static_cast<int>(distances_.size());
    const double longest =
        *std::max_element(specs_.front().table.plain.begin(), specs_.front().table.plain.end())
        * distances_.back();
    for (size_t at = 0; at < specs_.size(); ++at) {
        const FrequencyTable& table = specs_[at].table;
        HeatMapPlot::Content content;
        content.rows = pairs;
        content.columns = columns;
        for (int pair = 0; pair < pairs; ++pair) {
            content.rowLabels << QString::number(pair);
            for (const int distance : distances_)
                content.values.push_back(valueOf(table.omega[static_cast<size_t>(pair)] * distance));
        }
        for (const int distance : distances_) {
            content.columnLabels << groupedCount(distance);
            content.columnDetails << tr("%1 tokens").arg(groupedCount(distance));
        }
        content.rowTitle = content.rowName = tr("Pair");
        content.columnTitle = tr("Distance D (tokens)");
        content.columnName = tr("Distance");
        content.valueTitle = valueTitle();
        content.means = false;
        content.details = [table, distances = distances_](int pair, int column) {
            const double omega = table.omega[static_cast<size_t>(pair)];
            const double angle = omega * distances[static_cast<size_t>(column)];
            return tr("ω′ = %1 rad/token · angle %2 rad = %3 turns · wrapped %4 rad")
                .arg(readableNumber(omega, 4), readableNumber(angle, 4), readableNumber(angle / (2 * pi), 3),
                     readableNumber(wrappedAngle(angle), 3));
        };
        HeatMapPlot& map = *maps_[at];
        map.setHeading(specs_[at].title());
        map.setContent(std::move(content));
        ColorScale scale;
        scale.diverging = value() == Cosine;
        scale.cyclic = value() == Wrapped;
        scale.logarithmic = value() == Unwrapped;
        scale.high = value() == Wrapped ? pi : value() == Cosine ? 1 : std::max(longest, 1.0);
        scale.low = value() == Unwrapped ? 1e-3 : -scale.high;
        map.setScale(scale);
        map.setSelectedCell(selectedPair(), -1);
    }
}

void PhasePanel::drawCurves() {
    const auto pair = static_cast<size_t>(selectedPair());
    std::vector<LinePlot::Series> series;
    double low = value() == Unwrapped ? 1e300 : 0, high = value() == Unwrapped ? 0 : 1;
    for (size_t at = 0; at < specs_.size(); ++at) {
        LinePlot::Series line;
        line.name = specs_[at].title();
        line.category = static_cast<int>(at);
        constexpr Qt::PenStyle styles[] = {Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine};
        line.dash = styles[at % std::size(styles)]; // specs may agree on a pair
        for (const double distance : tableDistances()) {
            const double shownValue = valueOf(specs_[at].table.omega[pair] * distance);
            line.x.push_back(distance);
            line.y.push_back(shownValue);
            low = std::min(low, shownValue);
            high = std::max(high, shownValue);
        }
        series.push_back(std::move(line));
    }
    const QCPRange range(low, high);
    addMark(series, specs_.front().table.trainedContext, range, tr("L₀"), false);
    addMark(series, distances_.back(), range, tr("L"), false);
    std::map<long long, QStringList> aliasing; // specs that move the pair equally share a mark
    for (const Spec& spec : specs_) {
        const double moved = std::abs(spec.table.plain[pair] - spec.table.omega[pair]);
        if (moved > pi / distances_.back()) aliasing[std::llround(pi / moved)] << spec.name;
    }
    for (const auto& [distance, names] : aliasing)
        addMark(series, static_cast<double>(distance), range,
                tr("π/|ω−ω′| of %1").arg(names.join(QStringLiteral(", "))), true);
    curves_->setAxes(tr("Distance D (tokens)"), LinePlot::Scale::Log2, valueTitle(),
                     value() == Unwrapped ? LinePlot::Scale::Log : LinePlot::Scale::Linear);
    setDistanceTicks();
    if (value() == Wrapped && high - low >= pi) // else it is a part of a turn: plain numbers
        curves_->setYTicks({pi, pi / 2, 0, -pi / 2, -pi},
                           {QStringLiteral("π"), QStringLiteral("π/2"), QStringLiteral("0"),
                            QStringLiteral("−π/2"), QStringLiteral("−π")});
    curves_->setReadoutNames(tr("distance"), value() == Cosine ? tr("cosine") : tr("angle"), tr("tokens"),
                             value() == Cosine ? QString() : tr("rad"));
    curves_->setReferenceLine(value() == Unwrapped ? std::nullopt : std::optional<double>(0));
    curves_->setSeries(std::move(series));
    curves_->fitRanges(true, aboveCurves(range, nameRoom));
}

/// So far above curves of this range, in parts of it.
double PhasePanel::aboveCurves(const QCPRange& range, double part) const {
    if (differs() || value() != Unwrapped) return range.upper + part * range.size();
    return range.upper * std::pow(range.upper / range.lower, part); // on a logarithmic axis
}

/// A line across at a distance that the curves reach, named at its end.
void PhasePanel::addMark(std::vector<LinePlot::Series>& series, double distance, const QCPRange& range,
                         const QString& name, bool below) const {
    if (!(distance >= 1) || distance > distances_.back()) return;
    LinePlot::Series line;
    line.name = name;
    line.x = {distance, distance};
    line.y = {range.lower,
              below ? range.upper : aboveCurves(range, markRoom)}; // the name stands above the curves
    line.category = -1;
    line.dash = Qt::DashLine;
    line.inLegend = false;
    line.labels = below ? QStringList{name, QString()} : QStringList{QString(), name};
    series.push_back(std::move(line));
}

void PhasePanel::setDistanceTicks() {
    std::vector<double> ticks;
    QStringList labels;
    for (double tick = 1; tick <= distances_.back(); tick *= 2) {
        ticks.push_back(tick);
        labels << groupedCount(std::llround(tick));
    }
    curves_->setXTicks(ticks, labels);
}

std::vector<double> PhasePanel::tableDistances() const {
    if (viewBox_->currentIndex() == 0) return {distances_.begin(), distances_.end()};
    // fine enough to show every turn of slow pairs; of fast ones no screen could
    constexpr int points = 2000;
    std::vector<double> all;
    for (int point = 0; point <= points; ++point)
        all.push_back(std::pow(static_cast<double>(distances_.back()), static_cast<double>(point) / points));
    return all;
}

std::vector<int> PhasePanel::tablePairs() const {
    if (viewBox_->currentIndex() != 0) return {selectedPair()};
    std::vector<int> all(static_cast<std::size_t>(model().pairs()));
    std::iota(all.begin(), all.end(), 0);
    return all;
}

QVariant PhasePanel::cellOf(double distance) const {
    return viewBox_->currentIndex() == 0 ? QVariant(static_cast<int>(distance)) : QVariant(distance);
}

void PhasePanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    rowPairs_.clear();
    const int length = context();
    for (const Spec& spec : specs_)
        for (const int pair : tablePairs())
            for (const double distance : tableDistances()) {
                const double omega = spec.table.omega[static_cast<size_t>(pair)], angle = omega * distance;
                rows.push_back({spec.label(), length, pair, cellOf(distance), omega, angle,
                                wrappedAngle(angle), std::cos(angle)});
                rowPairs_.push_back(pair);
            }
    table().setTable({{"spec", tr("Spec"), tr("RoPE spec, and others with the same frequencies at this L")},
                      {"context", tr("L"), tr("Context that the frequencies are for, tokens")},
                      {"pair", tr("Pair"), tr("Rotary pair, from 0")},
                      {"distance", tr("Distance"), tr("Tokens between query and key")},
                      {"omega", tr("ω′"), tr("Frequency after scaling, rad/token")},
                      {"angle", tr("ω′·D"), tr("Unwrapped angle, rad")},
                      {"wrapped", tr("mod 2π"), tr("Angle in (−π, π], rad")},
                      {"cosine", tr("cos"), tr("cos(ω′·D)")}},
                     std::move(rows));
}

QString PhasePanel::summaryText() const {
    const int pair = selectedPair(), longest = distances_.back();
    QStringList parts;
    for (const Spec& spec : specs_) {
        const double angle = spec.table.omega[static_cast<size_t>(pair)] * longest;
        parts << tr("%1: %2 turns").arg(spec.title(), readableNumber(angle / (2 * pi), 3));
    }
    return tr("Pair %1 at D = %2 tokens: %3")
        .arg(pair)
        .arg(groupedCount(longest), parts.join(QStringLiteral(", ")));
}

void PhasePanel::tableRowActivated(int row) {
    if (static_cast<size_t>(row) >= rowPairs_.size()) return;
    Selection next = selection();
    next.pair = rowPairs_[static_cast<size_t>(row)];
    next.band = shownBands().bandOf(next.pair);
    selectionModel()->setSelection(next);
}

} // namespace qroar
