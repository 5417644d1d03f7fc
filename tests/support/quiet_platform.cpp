// Linked into every test with a window: drops what Qt's offscreen platform says of itself ("This plugin does
// not support propagateSizeHints()", hundreds of lines), which hides the text of a failure. Nothing else is
// touched: what is not dropped goes to the handler of Qt Test, with its ignoreMessage() and failOnWarning().
#include <QCoreApplication>
#include <QEvent>
#include <QTest>

#include <atomic>

namespace {

std::atomic<QtMessageHandler> next{nullptr};

void dropOwnWords(QtMsgType type, const QMessageLogContext& context, const QString& text) {
    if (type == QtWarningMsg && text.startsWith(QLatin1String("This plugin does not support"))) return;
    next.load()(type, context, text);
}

/// Qt Test puts its handler in place when a test object starts, so ours goes in front of it with the first
/// window of a test function; the platform says nothing before there is one.
class FirstWindow : public QObject {
  public:
    using QObject::QObject;
    bool eventFilter(QObject*, QEvent* event) override {
        if (event->type() == QEvent::PlatformSurface && QTest::currentTestFunction() && !next.load()) {
            next = qInstallMessageHandler(nullptr); // before ours can be called
            qInstallMessageHandler(dropOwnWords);
            QCoreApplication::instance()->removeEventFilter(this);
        }
        return false;
    }
};

void watch() {
    QCoreApplication* application = QCoreApplication::instance();
    application->installEventFilter(new FirstWindow(application));
}
Q_COREAPP_STARTUP_FUNCTION(watch)

} // namespace
