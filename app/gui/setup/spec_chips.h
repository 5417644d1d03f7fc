// SpecChips: a set of specs as buttons that are on or off, and a field to add one more, checked while it is
// being typed. What a spec is, it learns from the check it is given (RopeSpec::parse, QuantSpec::parse).
#pragma once

#include "core/base/outcome.h"

#include <QLabel>
#include <QLineEdit>
#include <QToolButton>
#include <QWidget>

#include <functional>

namespace qroar {

class SpecChips : public QWidget {
    Q_OBJECT

  public:
    /// The canonical text of a spec, or what is wrong with it.
    using Check = std::function<Outcome<std::string>(const std::string&)>;
    SpecChips(Check check, const QString& placeholder, QWidget* parent = nullptr);

    /// Replaces the offered presets; chips that were added by hand stay, and so does what is checked.
    void setPresets(const QStringList& texts);
    /// Checks exactly these, adding chips where needed. Texts that are not valid are left out.
    void setChecked(const QStringList& texts);
    [[nodiscard]] QStringList checkedTexts() const;
    /// The field holds something that is not a spec; the message says what is wrong.
    [[nodiscard]] QString fieldProblem() const;
    [[nodiscard]] QLineEdit* field() const { return field_; }
    void setFieldName(const QString& accessibleName);

  signals:
    void changed();

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    QToolButton* chip(const QString& text) const;
    QToolButton* addChip(const QString& text, bool preset);
    void removeChip(QToolButton* button);
    void fieldEdited(const QString& text);
    void commitField();

    Check check_;
    QWidget* area_;
    QLineEdit* field_;
    QToolButton* add_;
    QLabel* message_;
};

} // namespace qroar
