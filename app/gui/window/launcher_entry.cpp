#include "app/gui/window/launcher_entry.h"

#ifdef QROAR_DBUS
#include <QDBusConnection>
#include <QDBusMessage>
#include <QFileInfo>
#include <QVariantMap>
#endif

namespace qroar {

#ifdef QROAR_DBUS

namespace {

/// Where libunity puts an entry: its URI by the hash of GLib's g_str_hash().
QString pathOf(const QString& uri) {
    quint32 hash = 5381;
    for (const char byte : uri.toUtf8())
        hash = hash * 33 + static_cast<quint32>(static_cast<signed char>(byte));
    return QStringLiteral("/com/canonical/unity/launcherentry/%1").arg(hash);
}

bool namesSessionBus() {
    return qEnvironmentVariableIsSet("DBUS_SESSION_BUS_ADDRESS")
           || QFileInfo::exists(qEnvironmentVariable("XDG_RUNTIME_DIR", QStringLiteral("/nowhere"))
                                + QStringLiteral("/bus"));
}

} // namespace

QDBusMessage launcherUpdate(const QString& file, const TaskbarState& state) {
    const QString uri = QStringLiteral("application://") + file;
    QDBusMessage message = QDBusMessage::createSignal(
        pathOf(uri), QStringLiteral("com.canonical.Unity.LauncherEntry"), QStringLiteral("Update"));
    message.setArguments({uri, QVariantMap{{QStringLiteral("progress"), state.fraction},
                                           {QStringLiteral("progress-visible"), state.visible}}});
    return message;
}

TaskbarProgress::Send desktopTaskbar() {
    if (!namesSessionBus()) return {};
    return [](const TaskbarState& state) {
        const QDBusConnection bus = QDBusConnection::sessionBus();
        if (bus.isConnected()) bus.send(launcherUpdate(QString::fromLatin1(desktopFile), state));
    };
}

#else

TaskbarProgress::Send desktopTaskbar() {
    return {};
}

#endif

} // namespace qroar
