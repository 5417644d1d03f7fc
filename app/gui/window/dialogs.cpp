#include "app/gui/window/dialogs.h"

#include "qroar/version.h"

#include <QCoreApplication>
#include <QIcon>
#include <QMessageBox>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(Dialogs)
};

} // namespace

void showAbout(QWidget* parent) {
    auto* box = new QMessageBox(parent);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setWindowTitle(Words::tr("About Q-ROAR Workbench"));
    box->setIconPixmap(QIcon(QStringLiteral(":/icons/qroar-workbench.svg")).pixmap(72, 72));
    box->setText(Words::tr("Q-ROAR Workbench %1").arg(QStringLiteral(QROAR_VERSION)));
    box->setInformativeText(
        Words::tr(
            "Shows where RoPE position interpolation and weight quantization hurt each other, after Q-ROAR "
            "(Qiao and Huang, arXiv 2509.14391). Which definitions are the paper's and which are ours is "
            "said in the handbook.\n\nFree software under the GNU General Public License, version 3 or "
            "later. Built on Qt %1, QCustomPlot, HDF5 and Eigen.")
            .arg(QString::fromLatin1(qVersion())));
    box->setModal(false);
    box->show();
}

} // namespace qroar
