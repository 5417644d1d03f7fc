#include "app/gui/figures/composition.h"

#include "core/base/strings.h"

#include <QCoreApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>
#include <array>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(Composition)
};

const std::array<QString, 4>& labelNames() {
    static const std::array<QString, 4> names{QStringLiteral("none"), QStringLiteral("a"),
                                              QStringLiteral("(a)"), QStringLiteral("A")};
    return names;
}

Error wrong(const QString& key, const QString& expected, const QString& found) {
    return Error::bad(Words::tr("%1: expected %2, found %3").arg(key, expected, found).toStdString());
}

QString shown(const QJsonValue& value) {
    if (value.isUndefined()) return Words::tr("nothing");
    return QString::fromUtf8(QJsonDocument(QJsonArray{value}).toJson(QJsonDocument::Compact))
        .mid(1)
        .chopped(1);
}

/// Reads the keys of one object and remembers the first error.
class Reader {
  public:
    Reader(const QJsonObject& object, QString where) : object_(object), where_(std::move(where)) {}

    void number(const char* key, int& target, int low, int high) {
        const QJsonValue value = object_.value(QLatin1String(key));
        if (value.isUndefined()) return;
        if (!value.isDouble() || value.toDouble() != value.toInt() || value.toInt() < low
            || value.toInt() > high)
            return fail(key, Words::tr("a whole number from %1 to %2").arg(low).arg(high), value);
        target = value.toInt();
    }
    void flag(const char* key, bool& target) {
        const QJsonValue value = object_.value(QLatin1String(key));
        if (value.isUndefined()) return;
        if (!value.isBool()) return fail(key, Words::tr("true or false"), value);
        target = value.toBool();
    }
    void text(const char* key, QString& target) {
        const QJsonValue value = object_.value(QLatin1String(key));
        if (value.isUndefined()) return;
        if (!value.isString()) return fail(key, Words::tr("a text"), value);
        target = value.toString();
    }
    void words(const char* key, FigureSpec& target) {
        const QJsonValue value = object_.value(QLatin1String(key));
        if (value.isUndefined()) return;
        QStringList list;
        bool fine = value.isArray();
        for (const QJsonValue& word : value.toArray()) {
            fine = fine && word.isString();
            list << word.toString();
        }
        if (!fine) return fail(key, Words::tr("a list of words"), value);
        if (const QString error = FigureSpec::parse(list, target); !error.isEmpty() && error_.isEmpty())
            error_ = where_ + QLatin1String(key) + QStringLiteral(": ") + error;
    }
    void fail(const char* key, const QString& expected, const QJsonValue& found) {
        if (error_.isEmpty())
            error_ =
                QString::fromStdString(wrong(where_ + QLatin1String(key), expected, shown(found)).message);
    }
    [[nodiscard]] const QString& error() const { return error_; }

  private:
    QJsonObject object_;
    QString where_, error_;
};

QJsonArray arrayOf(const QStringList& words) {
    return QJsonArray::fromStringList(words);
}

} // namespace

Composition Composition::arrangement() {
    Composition result;
    result.rows = result.columns = 0;
    result.labels = Labels::None;
    return result;
}

QStringList Composition::arguments() const {
    QStringList words = style.arguments();
    if (!title.isEmpty()) words << QStringLiteral("--title") << title;
    const auto number = [](double value) { return QString::fromStdString(formatNumber(value)); };
    for (const Cell& cell : cells) {
        const QRectF& at = cell.place;
        words << QStringLiteral("--place")
              << QStringList{number(at.x()), number(at.y()), number(at.width()), number(at.height())}.join(
                     u':');
        FigureSpec spec = cell.figure;
        spec.style = {};
        words << spec.arguments();
    }
    return words;
}

QString Composition::addPlace(const QString& text) {
    QList<double> numbers;
    bool fine = true;
    for (const QString& part : text.split(u':')) {
        bool isNumber = false;
        numbers << part.toDouble(&isNumber);
        fine = fine && isNumber && numbers.back() >= 0 && numbers.back() <= 1;
    }
    constexpr double slack = 1e-4; // of places written by hand
    fine = fine && numbers.size() == 4 && numbers[2] > 0 && numbers[3] > 0
           && numbers[0] + numbers[2] <= 1 + slack && numbers[1] + numbers[3] <= 1 + slack;
    if (!fine)
        return Words::tr("--place: expected LEFT:TOP:WIDTH:HEIGHT, fractions of the page, found \"%1\"")
            .arg(text);
    if (cells.size() >= mostRows * mostColumns)
        return Words::tr("--place: expected at most %1 plots").arg(mostRows * mostColumns);
    Cell cell;
    cell.place = QRectF(numbers[0], numbers[1], numbers[2], numbers[3]);
    cells << cell;
    return {};
}

void Composition::flow() {
    if (isArrangement()) return;
    std::vector<std::vector<bool>> taken(static_cast<std::size_t>(rows),
                                         std::vector<bool>(static_cast<std::size_t>(columns)));
    const auto fits = [&](const Cell& cell, int row, int column) {
        if (row + cell.rowSpan > rows || column + cell.columnSpan > columns) return false;
        for (int y = row; y < row + cell.rowSpan; ++y)
            for (int x = column; x < column + cell.columnSpan; ++x)
                if (taken[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)]) return false;
        return true;
    };
    const auto place = [&](Cell& cell) {
        cell.rowSpan = std::min(cell.rowSpan, rows);
        cell.columnSpan = std::min(cell.columnSpan, columns);
        for (int row = 0; row < rows; ++row)
            for (int column = 0; column < columns; ++column) {
                if (!fits(cell, row, column)) continue;
                cell.row = row;
                cell.column = column;
                for (int y = row; y < row + cell.rowSpan; ++y)
                    for (int x = column; x < column + cell.columnSpan; ++x)
                        taken[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] = true;
                return true;
            }
        return false;
    };
    QList<Cell> placed;
    for (Cell cell : std::as_const(cells))
        if (place(cell)) placed << cell;
    std::sort(placed.begin(), placed.end(), [](const Cell& a, const Cell& b) {
        return a.row != b.row ? a.row < b.row : a.column < b.column;
    });
    cells = placed;
}

QString Composition::problem() const {
    if (isArrangement()) return {};
    for (qsizetype index = 0; index < cells.size(); ++index) {
        const Cell& cell = cells[index];
        const QString name = Words::tr("cell %1").arg(index + 1);
        if (cell.row + cell.rowSpan > rows || cell.column + cell.columnSpan > columns)
            return Words::tr("%1: expected to lie in a grid of %2 x %3, found row %4 and column %5 with "
                             "spans %6 and %7")
                .arg(name)
                .arg(rows)
                .arg(columns)
                .arg(cell.row)
                .arg(cell.column)
                .arg(cell.rowSpan)
                .arg(cell.columnSpan);
        for (qsizetype before = 0; before < index; ++before) {
            const Cell& other = cells[before];
            const QRect a(cell.column, cell.row, cell.columnSpan, cell.rowSpan),
                b(other.column, other.row, other.columnSpan, other.rowSpan);
            if (a.intersects(b)) return Words::tr("%1 lies on cell %2").arg(name).arg(before + 1);
        }
    }
    return {};
}

QString Composition::labelOf(int index) const {
    const QChar letter(u'a' + static_cast<char16_t>(index % 26));
    switch (labels) {
    case Labels::Plain:
        return letter;
    case Labels::Parentheses:
        return QStringLiteral("(%1)").arg(letter);
    case Labels::Capital:
        return letter.toUpper();
    case Labels::None:
        break;
    }
    return {};
}

QByteArray Composition::toJson() const {
    QJsonArray list;
    for (const Cell& cell : cells)
        list << QJsonObject{{QStringLiteral("row"), cell.row},
                            {QStringLiteral("column"), cell.column},
                            {QStringLiteral("row_span"), cell.rowSpan},
                            {QStringLiteral("column_span"), cell.columnSpan},
                            {QStringLiteral("figure"), arrayOf(cell.figure.arguments())}};
    const QJsonObject object{{QStringLiteral("schema"), schema},
                             {QStringLiteral("rows"), rows},
                             {QStringLiteral("columns"), columns},
                             {QStringLiteral("labels"), labelNames()[static_cast<std::size_t>(labels)]},
                             {QStringLiteral("bold_labels"), boldLabels},
                             {QStringLiteral("headings"), headings},
                             {QStringLiteral("title"), title},
                             {QStringLiteral("style"), arrayOf(style.arguments())},
                             {QStringLiteral("cells"), list}};
    return QJsonDocument(object).toJson();
}

Outcome<Composition> Composition::fromJson(const QByteArray& json) {
    QJsonParseError parseError{};
    const QJsonDocument document = QJsonDocument::fromJson(json, &parseError);
    if (!document.isObject())
        return Error::bad(Words::tr("expected a composition (a JSON object), found: %1, at byte %2")
                              .arg(parseError.errorString())
                              .arg(parseError.offset)
                              .toStdString());
    const QJsonObject object = document.object();
    if (object.value(QStringLiteral("schema")).toInt() != schema)
        return wrong(QStringLiteral("schema"), QString::number(schema),
                     shown(object.value(QStringLiteral("schema"))));
    Composition result;
    Reader reader(object, {});
    reader.number("rows", result.rows, 1, mostRows);
    reader.number("columns", result.columns, 1, mostColumns);
    reader.flag("bold_labels", result.boldLabels);
    reader.flag("headings", result.headings);
    reader.text("title", result.title);
    FigureSpec look;
    reader.words("style", look);
    result.style = look.style;
    QString labels = labelNames()[static_cast<std::size_t>(result.labels)];
    reader.text("labels", labels);
    const auto* const name = std::find(labelNames().begin(), labelNames().end(), labels);
    if (name == labelNames().end()) reader.fail("labels", Words::tr("none, a, (a) or A"), labels);
    if (!reader.error().isEmpty()) return Error::bad(reader.error().toStdString());
    result.labels = static_cast<Labels>(name - labelNames().begin());

    const QJsonArray list = object.value(QStringLiteral("cells")).toArray();
    if (list.size() > mostRows * mostColumns)
        return wrong(QStringLiteral("cells"), Words::tr("at most %1").arg(mostRows * mostColumns),
                     QString::number(list.size()));
    for (qsizetype index = 0; index < list.size(); ++index) {
        Cell cell;
        Reader part(list[index].toObject(), QStringLiteral("cells[%1].").arg(index));
        part.number("row", cell.row, 0, mostRows - 1);
        part.number("column", cell.column, 0, mostColumns - 1);
        part.number("row_span", cell.rowSpan, 1, mostRows);
        part.number("column_span", cell.columnSpan, 1, mostColumns);
        part.words("figure", cell.figure);
        if (!part.error().isEmpty()) return Error::bad(part.error().toStdString());
        result.cells << cell;
    }
    if (const QString problem = result.problem(); !problem.isEmpty())
        return Error::bad(problem.toStdString());
    return result;
}

} // namespace qroar
