// PseudoTranslation: while it lives, every text that goes through tr() is as long as German tends to be and
// has umlauts, so that a test sees what would be clipped in a translation, and a picture shows what is not
// translated at all.
#pragma once

#include <QCoreApplication>
#include <QRegularExpression>
#include <QTranslator>

#include <algorithm>

namespace qroar::test {

class PseudoTranslation : public QTranslator {
  public:
    PseudoTranslation() { QCoreApplication::installTranslator(this); }
    ~PseudoTranslation() override { QCoreApplication::removeTranslator(this); }
    PseudoTranslation(const PseudoTranslation&) = delete;
    PseudoTranslation& operator=(const PseudoTranslation&) = delete;

    [[nodiscard]] bool isEmpty() const override { return false; }
    [[nodiscard]] QString translate(const char* /*context*/, const char* source, const char* /*comment*/,
                                    int /*count*/) const override {
        return longer(QString::fromUtf8(source));
    }
    /// By 35 %; keys and filters of file dialogs stay as they are.
    static QString longer(const QString& text) {
        static const QRegularExpression keys(
            QStringLiteral("^((Ctrl|Alt|Shift|Meta)\\+|F[0-9]+$|Home$|Del)|\\(\\*"));
        if (text.trimmed().isEmpty() || keys.match(text).hasMatch()) return text;
        static const QString filler = QStringLiteral("äußerst überlängt möglicherweise größer ");
        const auto more = std::max<qsizetype>(1, text.size() * 35 / 100);
        QString result = text + QChar(0x00e4);
        while (result.size() < text.size() + more)
            result += filler[(result.size() - text.size()) % filler.size()];
        return result;
    }
};

} // namespace qroar::test
