// Which section of the handbook explains what a widget of the window shows. Not here: the texts
// (resources/help), the windows that show them.
#pragma once

#include "app/gui/help/handbook.h"

class QWidget;

namespace qroar {

class DiagnosticPanel;

struct HelpTopic {
    QString page, anchor; ///< an empty anchor is the head of the page
    QString name;         ///< of the section, for links: "TIR"
};

/// Of the metric or curve that the panel shows now.
HelpTopic topicOf(const DiagnosticPanel& panel);
/// Of the view or dock that holds `widget` (null: none): the handbook's first page when nothing explains it.
HelpTopic topicOf(const QWidget* widget);
/// Every topic there is: tests ask whether the handbook has its section.
QList<HelpTopic> allTopics();

} // namespace qroar
