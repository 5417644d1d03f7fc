#include "app/gui/search/search_setup.h"

#include "app/gui/search/gain_window_table.h"
#include "app/gui/setup/column_area.h"
#include "core/base/strings.h"
#include "core/evaluate/perplexity.h"
#include "widgets/common/cell_tips.h"
#include "widgets/common/number_format.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QStandardItemModel>
#include <QTreeWidget>
#include <QVBoxLayout>

namespace qroar {

namespace {

template<class Box>
Box* named(Box* box, const QString& name, const QString& tip) {
    box->setAccessibleName(name);
    box->setToolTip(tip);
    return box;
}

QComboBox* choice(const QString& name, const QString& tip, const QStringList& items, bool editable = false) {
    auto* box = named(new QComboBox, name, tip);
    box->addItems(items);
    box->setEditable(editable);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(8);
    return box;
}

QDoubleSpinBox* number(const QString& name, const QString& tip, double least, double most, double value,
                       double step) {
    auto* box = named(new QDoubleSpinBox, name, tip);
    box->setRange(least, most);
    box->setDecimals(3);
    box->setSingleStep(step);
    box->setValue(value);
    return box;
}

QSpinBox* whole(const QString& name, const QString& tip, int most, const QString& zero) {
    auto* box = named(new QSpinBox, name, tip);
    box->setRange(0, most);
    box->setSpecialValueText(zero);
    return box;
}

QLabel* words() {
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->setTextFormat(Qt::PlainText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

} // namespace

SearchSetup::SearchSetup(QWidget* parent) : QWidget(parent) {
    auto* content = new QWidget;
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(5);
    buildDocuments(column);
    buildForm(column);
    windows_ = new GainWindowTable;
    column->addWidget(windows_);
    connect(windows_, &GainWindowTable::edited, this, &SearchSetup::edited);
    notes_ = words();
    column->addWidget(notes_);
    result_ = words();
    column->addWidget(result_);
    column->addStretch(1);
    auto* scroll = new ColumnArea;
    scroll->setWidget(content);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);
    outer->addWidget(scroll, 1);
    buildButtons(outer);
    edited();
}

void SearchSetup::buildDocuments(QVBoxLayout* column) {
    roles_ = named(new QTreeWidget, tr("Roles of the documents"),
                   tr("The search sees only the search documents; what it found is measured on the report "
                      "documents, which it never saw."));
    roles_->setColumnCount(2);
    CellTips::watch(roles_);
    roles_->setHeaderLabels({tr("Document"), tr("Role")});
    roles_->setRootIsDecorated(false);
    roles_->setTextElideMode(Qt::ElideMiddle);
    roles_->header()->setStretchLastSection(false);
    roles_->header()->setSectionResizeMode(0, QHeaderView::Stretch);
    roles_->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    roles_->setFixedHeight(7 * roles_->fontMetrics().lineSpacing() + 40);
    column->addWidget(roles_);
}

void SearchSetup::buildForm(QVBoxLayout* column) {
    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->setContentsMargins(0, 0, 0, 0);
    form->setSpacing(4);
    rope_ =
        choice(tr("RoPE spec of the search"), tr("The scaling the model will be deployed with"), {}, true);
    quant_ = choice(tr("Weights of the search"), tr("The weights the model will be deployed with"), {}, true);
    contexts_ = named(new QLineEdit, tr("Context lengths of the search"),
                      tr("Tokens, separated by commas; longer ones weigh more. One up to the trained length "
                         "guards short context."));
    scope_ = choice(tr("Scope"),
                    tr("One gain per band for the whole model, for each layer, or for each query head"),
                    {"model", "layer", "head"});
    scope_->setCurrentText("layer");
    variant_ = choice(tr("Variant"),
                      tr("Which weights take the gain. Query, key and shared give the same logits; symmetric "
                         "(g, 1/g) leaves them as they are."),
                      {"query", "key", "shared", "symmetric"});
    method_ =
        choice(tr("Method"),
               tr("gradient: all gains at once from one reverse pass; grid: the papers' coordinate search"),
               {"gradient", "grid"});
    form->addRow(tr("RoPE"), rope_);
    form->addRow(tr("&Weights"), quant_);
    form->addRow(tr("Contexts"), contexts_);
    form->addRow(tr("Sco&pe"), scope_);
    form->addRow(tr("&Variant"), variant_);
    form->addRow(tr("M&ethod"), method_);
    buildLimits(form);
    column->addLayout(form);
    for (QComboBox* box : {rope_, quant_, scope_, variant_, method_})
        connect(box, &QComboBox::currentTextChanged, this, &SearchSetup::edited);
    for (QDoubleSpinBox* box : {leastTau_, tau_})
        connect(box, &QDoubleSpinBox::valueChanged, this, &SearchSetup::edited);
    for (QLineEdit* line : {contexts_, bands_})
        connect(line, &QLineEdit::textChanged, this, &SearchSetup::edited);
}

void SearchSetup::buildLimits(QFormLayout* form) {
    bands_ = named(new QLineEdit, tr("Bands of the search"),
                   tr("A number of equal bands, edges such as 0,4,9, or empty: the bands of the session"));
    bands_->setPlaceholderText(tr("the session's"));
    tau_ = number(tr("Largest gain"),
                  tr("Gains stay in [1/τ, τ]. With diagnostics of the session τ grows with saturated IP and "
                     "TIR − 1 up to this; see the handbook."),
                  1.001, 16, 2.5, 0.25);
    leastTau_ =
        number(tr("Least window"),
               tr("τ of a band without interpolation pressure and tail inflation; without diagnostics "
                  "every band has the largest"),
               1.001, 16, 1.25, 0.05);
    lambda_ = number(tr("Weight of the short-context guard"),
                     tr("λ in J = Σ w NLL + λ max(0, NLL short − NLL short at g = 1 − δ)"), 0, 1000, 1, 0.5);
    delta_ = number(tr("Free loss at short context"), tr("δ, nats per token"), 0, 10, 0.01, 0.005);
    steps_ = whole(tr("Most steps"), tr("Gradient steps, or passes of the grid"), 10000, tr("default"));
    budget_ =
        whole(tr("Budget"), tr("Most forward-pass equivalents: 20 by default, without limit for the grid"),
              1000000, tr("default"));
    maxWindows_ =
        whole(tr("Windows per document"), tr("At most this many of each document"), 100000, tr("all"));
    form->addRow(tr("Bands"), bands_);
    form->addRow(tr("Least τ"), leastTau_);
    form->addRow(tr("&Largest gain τ"), tau_);
    form->addRow(tr("Guard λ"), lambda_);
    form->addRow(tr("&Free δ (nats)"), delta_);
    form->addRow(tr("S&teps"), steps_);
    form->addRow(tr("Budget"), budget_);
    form->addRow(tr("Wi&ndows"), maxWindows_);
}

void SearchSetup::buildButtons(QVBoxLayout* column) {
    start_ = new QPushButton(tr("Start search"));
    pause_ = new QPushButton(tr("Pause"));
    stop_ = new QPushButton(tr("Stop"));
    accept_ = named(new QPushButton(tr("Accept")), tr("Accept the gains"),
                    tr("Keeps the search and its gains in the session"));
    discard_ = new QPushButton(tr("Discard"));
    auto* first = new QHBoxLayout;
    first->setContentsMargins(8, 6, 8, 0);
    first->addWidget(start_, 2);
    first->addWidget(pause_, 1);
    first->addWidget(stop_, 1);
    auto* second = new QHBoxLayout;
    second->setContentsMargins(8, 0, 8, 6);
    second->addWidget(accept_);
    second->addWidget(discard_);
    column->addLayout(first);
    column->addLayout(second);
    connect(start_, &QPushButton::clicked, this, &SearchSetup::startRequested);
    connect(pause_, &QPushButton::clicked, this, [this] {
        if (state_ == SearchController::State::Paused)
            emit resumeRequested();
        else
            emit pauseRequested();
    });
    connect(stop_, &QPushButton::clicked, this, &SearchSetup::stopRequested);
    connect(accept_, &QPushButton::clicked, this, &SearchSetup::acceptRequested);
    connect(discard_, &QPushButton::clicked, this, &SearchSetup::discardRequested);
}

void SearchSetup::setModel(const OpenedModel& model) {
    model_ = model;
    edited();
}

void SearchSetup::setDocuments(const SharedDocuments& documents) {
    documents_ = documents;
    roles_->clear();
    if (documents_) {
        const auto count = documents_->size();
        for (std::size_t at = 0; at < count; ++at) {
            const QString name = QString::fromStdString((*documents_)[at].name);
            auto* item = new QTreeWidgetItem(roles_, {name});
            item->setToolTip(0, name);
            auto* role = choice(tr("Role of %1").arg(name), {}, {tr("search"), tr("report"), tr("unused")});
            // A name that says it wins; else the first half is searched on.
            const bool report = name.contains("report", Qt::CaseInsensitive)
                                || (!name.contains("search", Qt::CaseInsensitive) && at >= (count + 1) / 2);
            role->setCurrentIndex(report ? Report : Search);
            roles_->setItemWidget(item, 1, role);
            connect(role, &QComboBox::currentIndexChanged, this, &SearchSetup::edited);
        }
    }
    edited();
}

void SearchSetup::setSession(const std::shared_ptr<const Session>& session) {
    session_ = session;
    if (!session_) return;
    QStringList ropes, quants;
    int longest = 0;
    for (const auto& condition : session_->conditions) {
        const QString rope = QString::fromStdString(condition->key.rope.text());
        const QString quant = QString::fromStdString(condition->key.quant.text());
        if (!ropes.contains(rope)) ropes << rope;
        if (!quants.contains(quant)) quants << quant;
        longest = std::max(longest, condition->key.context);
    }
    if (session_->conditions.empty() && !session_->searches.empty()) { // a file of qroar search: what it was
        const SearchSettings& last = session_->searches.back()->settings;
        ropes << QString::fromStdString(last.rope);
        quants << QString::fromStdString(last.quant);
        scope_->setCurrentIndex(static_cast<int>(last.scope));
        variant_->setCurrentIndex(static_cast<int>(last.variant));
        method_->setCurrentIndex(last.method == SearchMethod::Gradient ? 0 : 1);
        if (contexts_->text().isEmpty()) {
            QStringList lengths;
            for (const int context : last.contexts) lengths << QString::number(context);
            contexts_->setText(lengths.join(QStringLiteral(", ")));
        }
    }
    const auto offer = [](QComboBox* box, const QStringList& items, const QString& wanted) {
        const QSignalBlocker quiet(box);
        const QString before = box->currentText();
        box->clear();
        box->addItems(items);
        box->setCurrentText(before.isEmpty() ? wanted : before);
    };
    offer(rope_, ropes, ropes.isEmpty() ? QString() : ropes.last());
    offer(quant_, quants, quants.isEmpty() ? QString() : quants.last());
    if (contexts_->text().isEmpty() && longest > 0) {
        const int trained = session_->model.trainedContext();
        contexts_->setText(longest > trained ? QStringLiteral("%1, %2").arg(trained).arg(longest)
                                             : QString::number(longest));
    }
    edited();
}

SharedDocuments SearchSetup::documentsOf(Role role) const {
    auto chosen = std::make_shared<std::vector<Document>>();
    for (int row = 0; documents_ && row < roles_->topLevelItemCount(); ++row) {
        const auto* box = qobject_cast<QComboBox*>(roles_->itemWidget(roles_->topLevelItem(row), 1));
        if (box && box->currentIndex() == role)
            chosen->push_back((*documents_)[static_cast<std::size_t>(row)]);
    }
    return chosen;
}

Status SearchSetup::fillSpecs(SearchTask& task) const {
    if (rope_->currentText().trimmed().isEmpty() || quant_->currentText().trimmed().isEmpty()
        || contexts_->text().trimmed().isEmpty())
        return Error::bad(tr("Choose the RoPE scaling, the weights and the context lengths of the deployed "
                             "model.")
                              .toStdString());
    auto rope = RopeSpec::parse(rope_->currentText().trimmed().toStdString());
    if (!rope) return rope.error();
    auto quant = QuantSpec::parse(quant_->currentText().trimmed().toStdString());
    if (!quant) return quant.error();
    auto contexts = parseContexts(contexts_->text());
    if (!contexts) return contexts.error();
    const int pairs = model_.model->config().pairs();
    const std::string bands = trim(bands_->text().toStdString());
    long long count = std::min(8, pairs);
    const bool ofSession = session_ && session_->bands.pairs() == pairs;
    if (bands.empty() && ofSession) {
        task.plan.bands = session_->bands;
    } else if (bands.empty() || (parseInt(bands, count) && count >= 1 && count <= pairs)) {
        task.plan.bands = BandPartition::equal(static_cast<int>(count), pairs);
    } else {
        auto edges = BandPartition::parseEdges(bands, pairs);
        if (!edges) return edges.error();
        task.plan.bands = *edges;
    }
    task.plan.rope = *rope;
    task.quant = *quant;
    task.plan.contexts = *contexts;
    return Done{};
}

Outcome<SearchTask> SearchSetup::task() const {
    if (!model_.model) return Error::bad(tr("Choose a model in Setup first.").toStdString());
    SearchTask task;
    task.plan.model = model_.model;
    task.plan.documents = documentsOf(Search);
    task.report = documentsOf(Report);
    if (!documents_ || documents_->empty())
        return Error::bad(
            tr("Add documents in Setup first: some to search on, others to report on.").toStdString());
    if (task.plan.documents->empty())
        return Error::bad(tr("Give at least one document the role \"search\".").toStdString());
    if (Status filled = fillSpecs(task); !filled) return filled.error();
    task.plan.scope = static_cast<SearchScope>(scope_->currentIndex());
    task.plan.variant = static_cast<SearchVariant>(variant_->currentIndex());
    task.plan.method = method_->currentIndex() == 0 ? SearchMethod::Gradient : SearchMethod::Grid;
    task.plan.windowOptions.most = tau_->value();
    task.plan.windowOptions.least = std::min(leastTau_->value(), tau_->value());
    task.plan.lambda = lambda_->value();
    task.plan.delta = delta_->value();
    task.plan.steps = steps_->value();
    if (budget_->value() > 0) task.plan.budget = budget_->value();
    task.plan.maxWindows = maxWindows_->value();
    if (Status matters = checkVariantMatters(task.plan.variant, task.quant); !matters) return matters.error();
    auto table =
        buildFrequencyTable(task.plan.rope, model_.model->config().ropeModel(), task.plan.contexts.back());
    if (!table) return table.error();
    if (session_ && session_->modelFingerprint == model_.model->fingerprint())
        if (auto windows = windowsFromSession(*session_, *table, task.plan.rope, task.quant, task.plan.bands,
                                              task.plan.windowOptions))
            task.plan.windows = *windows;
    if (!windows_->edits().empty()) {
        GainWindows windows = windowsOf(task.plan);
        windows_->apply(windows);
        task.plan.windows = std::move(windows);
    }
    task.plan.command = commandOf(task);
    return task;
}

std::string SearchSetup::commandOf(const SearchTask& task) const {
    const SearchPlan& plan = task.plan;
    std::string command = "qroar search run.h5 --model " + shellQuoted(plan.model->path().string());
    const auto add = [&command](const char* option, const std::string& value) {
        command += std::string(" ") + option + " " + value;
    };
    const auto addTexts = [&](const char* option, const std::vector<Document>& documents) {
        if (!documents.empty()) command += std::string(" ") + option;
        for (const Document& document : documents) command += " " + shellQuoted(document.path);
    };
    addTexts("--text", *plan.documents);
    addTexts("--report-text", *task.report);
    add("--rope", plan.rope.text());
    add("--quant", task.quant.text());
    std::string lengths;
    for (const int context : plan.contexts) lengths += (lengths.empty() ? "" : ",") + std::to_string(context);
    add("--contexts", lengths);
    add("--variant", searchVariantName(plan.variant));
    add("--scope", searchScopeName(plan.scope));
    add("--method", searchMethodName(plan.method));
    add("--band-edges", plan.bands.text());
    add("--tau-min", formatNumber(plan.windowOptions.least));
    add("--tau-max", formatNumber(plan.windowOptions.most));
    for (const GainWindowTable::Edit& edit : windows_->edits())
        add("--window",
            std::to_string(edit.layer) + ":" + std::to_string(edit.band) + ":" + formatNumber(edit.tau));
    add("--lambda", formatNumber(plan.lambda));
    add("--delta", formatNumber(plan.delta));
    if (plan.steps > 0) add("--steps", std::to_string(plan.steps));
    if (plan.budget) add("--budget", formatNumber(*plan.budget));
    if (plan.maxWindows > 0) add("--max-windows", std::to_string(plan.maxWindows));
    return command + " -o run.h5";
}

/// The symmetric variant cannot be chosen where it changes nothing.
void SearchSetup::offerVariants() {
    const auto quant = QuantSpec::parse(quant_->currentText().trimmed().toStdString());
    auto* items = qobject_cast<QStandardItemModel*>(variant_->model());
    if (!quant || !items) return;
    const int symmetric = variant_->findText("symmetric");
    const Status matters = checkVariantMatters(SearchVariant::Symmetric, *quant);
    items->item(symmetric)->setEnabled(matters.ok());
    items->item(symmetric)->setToolTip(matters ? QString() : QString::fromStdString(matters.error().message));
}

void SearchSetup::edited() {
    offerVariants();
    const auto asked = task();
    windows_->setVisible(asked.ok());
    if (asked) windows_->setWindows(windowsOf(asked->plan));
    QString text;
    if (!asked) {
        text = QString::fromStdString(asked.error().message);
    } else {
        QStringList notes;
        for (const std::string& note :
             whatCannotMatter(model_.model->config(), asked->quant, asked->plan.variant, asked->plan.scope))
            notes << QString::fromStdString(note);
        if (asked->report->empty())
            notes << tr("No report documents: the gain will not be checked on text the search never saw.");
        text = notes.join(QStringLiteral("\n"));
    }
    notes_->setText(text);
    notes_->setVisible(!text.isEmpty());
    updateButtons();
}

void SearchSetup::setBlocked(bool blocked) {
    blocked_ = blocked;
    updateButtons();
}

void SearchSetup::setState(SearchController::State state) {
    state_ = state;
    updateButtons();
}

void SearchSetup::updateButtons() {
    using State = SearchController::State;
    const bool ready = state_ != State::Running && !blocked_;
    start_->setEnabled(ready && state_ == State::Idle && task().ok());
    pause_->setText(state_ == State::Paused ? tr("Resume") : tr("Pause"));
    pause_->setEnabled(state_ == State::Running || (state_ == State::Paused && !blocked_));
    stop_->setEnabled(state_ == State::Running || state_ == State::Paused);
    accept_->setEnabled(state_ == State::Undecided || state_ == State::Paused);
    discard_->setEnabled(state_ == State::Undecided || state_ == State::Paused);
}

void SearchSetup::setRecord(const std::shared_ptr<const SearchRecord>& record) {
    if (!record || record->trials.empty()) {
        result_->clear();
        return;
    }
    const SearchTrial* best = record->best();
    const double start = record->trials.front().objective;
    QString text = tr("J %1 → %2 nats after %3.")
                       .arg(readableNumber(start, 5), readableNumber(best ? best->objective : start, 5),
                            counted(record->trials.size(), tr("trial"), tr("trials")));
    if (!record->ending.empty()) text += tr(" Ended: %1.").arg(QString::fromStdString(record->ending));
    if (!record->verdict.words.empty())
        text += QStringLiteral("\n") + QString::fromStdString(record->verdict.words);
    result_->setText(text);
}

void SearchSetup::setScope(SearchScope scope) {
    scope_->setCurrentIndex(static_cast<int>(scope));
}
void SearchSetup::setVariant(SearchVariant variant) {
    variant_->setCurrentIndex(static_cast<int>(variant));
}
void SearchSetup::setContexts(const QString& text) {
    contexts_->setText(text);
}
void SearchSetup::setRope(const QString& text) {
    rope_->setCurrentText(text);
}
void SearchSetup::setQuant(const QString& text) {
    quant_->setCurrentText(text);
}
void SearchSetup::setSteps(int steps) {
    steps_->setValue(steps);
}

} // namespace qroar
