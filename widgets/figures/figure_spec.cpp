#include "widgets/figures/figure_spec.h"

#include <QCoreApplication>
#include <QLocale>
#include <QRegularExpression>

#include <cmath>
#include <limits>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(FigureSpec)
};

QString shortest(double value) {
    return QString::number(value, 'g', QLocale::FloatingPointShortest);
}

QString wrong(const QString& option, const QString& expected, const QString& found) {
    return Words::tr("--%1: expected %2, found \"%3\"").arg(option, expected, found);
}

QString setInt(int& target, const QString& option, const QString& value, int low, const QString& word = {}) {
    if (!word.isEmpty() && value == word) {
        target = -1;
        return {};
    }
    bool fine = false;
    const int number = value.toInt(&fine);
    if (!fine || number < low) {
        const QString expected = Words::tr("a whole number from %1").arg(low);
        return wrong(option, word.isEmpty() ? expected : Words::tr("%1, or %2").arg(expected, word), value);
    }
    target = number;
    return {};
}

template<class Value>
QString setChoice(Value& target, const QString& option, const QString& value,
                  std::initializer_list<std::pair<const char*, Value>> choices) {
    QStringList names;
    for (const auto& [name, choice] : choices) {
        names << QLatin1String(name);
        if (value != QLatin1String(name)) continue;
        target = choice;
        return {};
    }
    return wrong(option, names.join(Words::tr(" or ")), value);
}

QString addZoom(FigureSpec& spec, const QString& value) {
    const QStringList fields = value.split(u':');
    bool fine = fields.size() == 5;
    double numbers[5] = {};
    for (int index = 0; fine && index < 5; ++index) numbers[index] = fields[index].toDouble(&fine);
    fine = fine && numbers[0] >= 1 && numbers[0] < 100 && numbers[2] > numbers[1] && numbers[4] > numbers[3];
    if (!fine)
        return wrong(QStringLiteral("zoom"), Words::tr("PLOT:FROM_X:TO_X:FROM_Y:TO_Y, plots counted from 1"),
                     value);
    spec.zooms.push_back({static_cast<int>(numbers[0]), numbers[1], numbers[2], numbers[3], numbers[4]});
    return {};
}

QString setText(FigureSpec& spec, const QString& option, const QString& value) {
    const std::pair<const char*, QString*> texts[] = {
        {"figure", &spec.view}, {"condition", &spec.condition},  {"other", &spec.other},
        {"bands", &spec.bands}, {"compare", &spec.otherSession}, {"title", &spec.title},
        {"table", &spec.table}};
    for (const auto& [name, text] : texts)
        if (option == QLatin1String(name)) *text = value;
    return {};
}

} // namespace

QStringList FigureSpec::optionNames() {
    return QStringList{QStringLiteral("figure"),  QStringLiteral("option"),  QStringLiteral("condition"),
                       QStringLiteral("other"),   QStringLiteral("compare"), QStringLiteral("show"),
                       QStringLiteral("layer"),   QStringLiteral("tensor"),  QStringLiteral("stage"),
                       QStringLiteral("group"),   QStringLiteral("band"),    QStringLiteral("pair"),
                       QStringLiteral("epsilon"), QStringLiteral("bands"),   QStringLiteral("zoom"),
                       QStringLiteral("part"),    QStringLiteral("table"),   QStringLiteral("title"),
                       QStringLiteral("map")}
           + FigureStyle::optionNames();
}

QString FigureSpec::set(const QString& option, const QString& value) {
    if (FigureStyle::optionNames().contains(option)) return style.set(option, value);
    if (option == QLatin1String("layer")) return setInt(selection.layer, option, value, 0);
    if (option == QLatin1String("band")) return setInt(selection.band, option, value, 0);
    if (option == QLatin1String("pair"))
        return setInt(selection.pair, option, value, 0, QStringLiteral("all"));
    if (option == QLatin1String("group"))
        return setInt(selection.group, option, value, 0, QStringLiteral("all"));
    if (option == QLatin1String("part")) return setInt(part, option, value, 0);
    if (option == QLatin1String("zoom")) return addZoom(*this, value);
    if (option == QLatin1String("tensor"))
        return setChoice(selection.tensor, option, value, {{"q", QkTensor::Q}, {"k", QkTensor::K}});
    if (option == QLatin1String("stage"))
        return setChoice(selection.stage, option, value,
                         {{"pre", RopeStage::Pre}, {"post", RopeStage::Post}});
    if (option == QLatin1String("show"))
        return setChoice(selection.compare, option, value,
                         {{"a", CompareMode::A}, {"b", CompareMode::B}, {"a-b", CompareMode::Difference}});
    if (option == QLatin1String("map")) {
        if (value != QLatin1String("viridis") && value != QLatin1String("cividis"))
            return wrong(option, Words::tr("viridis or cividis"), value);
        map = value;
        return {};
    }
    if (option == QLatin1String("epsilon")) {
        bool fine = false;
        const double number = value.toDouble(&fine);
        if (!fine || !(number > 0 && number < 1))
            return wrong(option, Words::tr("a share between 0 and 1"), value);
        selection.epsilon = number;
        return {};
    }
    if (option == QLatin1String("option")) {
        const auto equals = value.indexOf(u'=');
        if (equals < 1) return wrong(option, Words::tr("NAME=VALUE"), value);
        options.push_back({value.left(equals), value.mid(equals + 1)});
        return {};
    }
    if (optionNames().contains(option)) return setText(*this, option, value);
    QStringList names;
    for (const QString& name : optionNames()) names << QStringLiteral("--") + name;
    return Words::tr("--%1: unknown option; expected one of %2")
        .arg(option, names.join(QStringLiteral(", ")));
}

QString FigureSpec::parse(const QStringList& arguments, FigureSpec& spec) {
    for (qsizetype at = 0; at < arguments.size(); ++at) {
        const QString& word = arguments[at];
        if (!word.startsWith(QLatin1String("--")))
            return Words::tr("expected an option, found \"%1\"").arg(word);
        const auto equals = word.indexOf(u'=');
        const QString name = word.mid(2, equals < 0 ? -1 : equals - 2);
        if (!optionNames().contains(name)) return spec.set(name, {});
        if (equals < 0 && at + 1 >= arguments.size()) return Words::tr("--%1: expected a value").arg(name);
        const QString value = equals < 0 ? arguments[++at] : word.mid(equals + 1);
        if (const QString error = spec.set(name, value); !error.isEmpty()) return error;
    }
    return {};
}

QStringList FigureSpec::arguments() const {
    QStringList words;
    const auto add = [&words](const char* name, const QString& value) {
        if (!value.isEmpty()) words << QStringLiteral("--") + QLatin1String(name) << value;
    };
    const Selection defaults;
    add("figure", view);
    for (const auto& [name, value] : options) add("option", name + u'=' + value);
    add("condition", condition);
    add("other", other);
    add("compare", otherSession);
    if (selection.compare != CompareMode::A)
        add("show", selection.compare == CompareMode::B ? QStringLiteral("b") : QStringLiteral("a-b"));
    if (selection.layer != defaults.layer) add("layer", QString::number(selection.layer));
    if (selection.tensor != defaults.tensor) add("tensor", QStringLiteral("q"));
    if (selection.stage != defaults.stage) add("stage", QStringLiteral("pre"));
    if (selection.group != defaults.group) add("group", QString::number(selection.group));
    if (selection.band != defaults.band) add("band", QString::number(selection.band));
    if (selection.pair != defaults.pair) add("pair", QString::number(selection.pair));
    if (selection.epsilon != defaults.epsilon) add("epsilon", shortest(selection.epsilon));
    add("bands", bands);
    for (const Zoom& zoom : zooms)
        add("zoom", QStringLiteral("%1:%2:%3:%4:%5")
                        .arg(QString::number(zoom.part), shortest(zoom.fromX), shortest(zoom.toX),
                             shortest(zoom.fromY), shortest(zoom.toY)));
    if (part > 0) add("part", QString::number(part));
    add("table", table);
    add("title", title);
    add("map", map);
    return words + style.arguments();
}

QString shellLine(const QStringList& words) {
    static const QRegularExpression plain(QStringLiteral("^[A-Za-z0-9_./:=,+@%-]+$"));
    QStringList quoted;
    for (QString word : words) {
        if (!plain.match(word).hasMatch()) word = u'\'' + word.replace(u'\'', QLatin1String("'\\''")) + u'\'';
        quoted << word;
    }
    return quoted.join(u' ');
}

} // namespace qroar
