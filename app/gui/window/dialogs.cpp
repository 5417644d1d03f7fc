#include "app/gui/window/dialogs.h"

#include "qroar/version.h"

#include <QAction>
#include <QCoreApplication>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDir>
#include <QFile>
#include <QHeaderView>
#include <QListWidget>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QSplitter>
#include <QTextBrowser>
#include <QTreeWidget>
#include <QVBoxLayout>

namespace qroar {

namespace {

QString words(const char* text) {
    return QCoreApplication::translate("Dialogs", text);
}

QString withoutMnemonic(QString text) {
    return text.remove('&').remove(QStringLiteral("..."));
}

void listShortcuts(QTreeWidget* table, QTreeWidgetItem* section, const QMenu* menu) {
    for (const QAction* action : menu->actions()) {
        if (action->menu())
            listShortcuts(table, section, action->menu());
        else if (!action->shortcut().isEmpty())
            new QTreeWidgetItem(section, {withoutMnemonic(action->text()),
                                          action->shortcut().toString(QKeySequence::NativeText)});
    }
}

/// A dialog that stays beside the window: not modal, gone when closed.
QDialog* openDialog(QWidget* parent, const QString& title, QWidget* content, const QSize& size) {
    auto* dialog = new QDialog(parent);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(title);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
    QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::close);
    auto* column = new QVBoxLayout(dialog);
    column->addWidget(content);
    column->addWidget(buttons);
    dialog->resize(size);
    dialog->show();
    return dialog;
}

} // namespace

void showShortcuts(QWidget* parent, const QMenuBar* menus) {
    auto* table = new QTreeWidget;
    table->setColumnCount(2);
    table->setHeaderLabels({words("Action"), words("Keys")});
    table->setRootIsDecorated(false);
    table->setAccessibleName(words("Keyboard shortcuts"));
    for (const QAction* top : menus->actions()) {
        if (!top->menu()) continue;
        auto* section = new QTreeWidgetItem(table, {withoutMnemonic(top->text())});
        listShortcuts(table, section, top->menu());
        section->setExpanded(true);
        section->setHidden(section->childCount() == 0);
    }
    table->header()->setSectionResizeMode(0, QHeaderView::Stretch);
    openDialog(parent, words("Keyboard shortcuts"), table, {460, 560});
}

void showHandbook(QWidget* parent) {
    auto* pages = new QListWidget;
    auto* page = new QTextBrowser;
    page->setOpenExternalLinks(true);
    page->setSearchPaths({QStringLiteral(":/help")});
    QObject::connect(pages, &QListWidget::currentItemChanged, page, [page](const QListWidgetItem* item) {
        if (item) page->setSource(QUrl("qrc:/help/" + item->data(Qt::UserRole).toString()));
    });
    QStringList names = QDir(QStringLiteral(":/help")).entryList({"*.md"}, QDir::Files, QDir::Name);
    for (const char* first : {"theory.md", "tour.md", "index.md"}) // these lead, in this order from the end
        if (names.removeOne(QLatin1String(first))) names.prepend(QLatin1String(first));
    for (const QString& name : names) {
        QFile file(":/help/" + name);
        if (!file.open(QIODevice::ReadOnly)) continue;
        const QString title = QString::fromUtf8(file.readLine()).remove('#').trimmed();
        auto* item = new QListWidgetItem(title, pages);
        item->setData(Qt::UserRole, name);
    }
    auto* both = new QSplitter;
    both->addWidget(pages);
    both->addWidget(page);
    both->setSizes({180, 560});
    pages->setCurrentRow(0);
    openDialog(parent, words("Handbook"), both, {780, 560});
}

void showAbout(QWidget* parent) {
    auto* box = new QMessageBox(parent);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setWindowTitle(words("About Q-ROAR Workbench"));
    box->setIconPixmap(QIcon(QStringLiteral(":/icons/qroar-workbench.svg")).pixmap(72, 72));
    box->setText(words("Q-ROAR Workbench %1").arg(QStringLiteral(QROAR_VERSION)));
    box->setInformativeText(
        words("Shows where RoPE position interpolation and weight quantization hurt each other, after Q-ROAR "
              "(Qiao and Huang, arXiv 2509.14391). Which definitions are the paper's and which are ours is "
              "said in the handbook.\n\nFree software under the GNU General Public License, version 3 or "
              "later. Built on Qt %1, QCustomPlot, HDF5 and Eigen.")
            .arg(QString::fromLatin1(qVersion())));
    box->setModal(false);
    box->show();
}

} // namespace qroar
