"""The menus of a window, with every key and what it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from studio.ui.adapter_menu import AdapterMenu
from studio.ui.grey_keys import shown
from studio.ui.model_menu import ModelMenu
from studio.ui.steering_menu import SteeringMenu
from studio.writing.craft import Craft
from studio.writing.decisions import Amount

if TYPE_CHECKING:
    from studio.ui.window import Window

Key = QKeySequence.StandardKey
Keys = Sequence[str | QKeySequence.StandardKey]


class Menus:
    """Builds the menu bar of `window`. The actions belong to the window itself, too, so that
    their keys work while the menu bar is hidden."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._bar: QMenuBar = window.menuBar()
        self._grey: dict[str, tuple[QAction, str]] = {}
        self._file()
        self._edit()
        self._view()
        self._suggest()
        self._steering()
        self.adapter = AdapterMenu(window.model.adapters, window)
        for action in self.adapter.lasting:
            window.addAction(action)
        self.model = ModelMenu(window.model, window.memory, self.adapter, window)
        self._bar.addMenu(self.model)
        self._tuning()
        self._help()

    def keys(self) -> dict[str, str]:
        """What each key that a menu has does, by the key as Qt writes it."""
        return {
            sequence.toString(QKeySequence.SequenceFormat.PortableText): (
                action.text().partition("\t")[0].replace("&", "").rstrip("…")
            )
            for action in self._window.actions()
            for sequence in action.shortcuts()
        }

    def show_settings(self) -> None:
        """Check what the settings say, and name its keys."""
        settings = self._window.desk.settings.current
        for key, (action, label) in self._grey.items():
            bound = shown(getattr(settings, key))
            action.setText(f"{label}\t{bound}" if bound else label)
        for action in self._themes.actions():
            action.setChecked(action.data() == settings.theme)
        self._own_words.setChecked(settings.own_words)

    def show_reading(self, words: str) -> None:
        """Offer to stop what is being read, if anything is."""
        self._stop_words.setVisible(bool(words))

    def show_craft(self) -> None:
        """Check what the text is taken for."""
        for action in self._crafts.actions():
            action.setChecked(action.data() == self._window.craft.chosen)

    def _file(self) -> None:
        window = self._window
        menu = self._menu("&File")
        self._add(menu, "&New", "Begin a new text in this window", window.new, [Key.New])
        self._add(
            menu,
            "New &window",
            "Begin a new text in a window of its own",
            window.new_window_wanted.emit,
            ["Ctrl+Shift+N"],
        )
        menu.addSeparator()
        self._add(menu, "&Open…", "Open a text", window.open_dialog, [Key.Open])
        self._add(
            menu,
            "Open &folder…",
            "Open a folder of texts and list them beside the editor",
            window.open_folder_dialog,
            ["Ctrl+Shift+O"],
        )
        self.recent = menu.addMenu("Open &recent")
        self.recent.setToolTipsVisible(True)
        self.recent.aboutToShow.connect(self._fill_recent)
        menu.addSeparator()
        self._add(menu, "&Save", "Save the text", lambda: window.filing.save(), [Key.Save])
        self._add(
            menu,
            "Save &as…",
            "Save the text under another name",
            lambda: window.filing.save_as(),
            ["Ctrl+Shift+S"],
        )
        menu.addSeparator()
        self._add(menu, "&Close", "Close this window", window.close, [Key.Close])
        quit_action = self._add(
            menu, "&Quit", "Close all windows and end", window.quit_wanted.emit, ["Ctrl+Q"]
        )
        quit_action.setMenuRole(QAction.MenuRole.QuitRole)

    def _edit(self) -> None:
        window, editor = self._window, self._window.editor
        menu = self._menu("&Edit")
        undo = self._add(menu, "&Undo", "Take the last change back", editor.undo, [Key.Undo])
        redo = self._add(
            menu,
            "&Redo",
            "Make the change again",
            editor.redo,
            [Key.Redo, "Ctrl+Shift+Z", "Ctrl+Y"],
        )
        menu.addSeparator()
        cut = self._add(menu, "Cu&t", "Move the selection to the clipboard", editor.cut, [Key.Cut])
        copy = self._add(
            menu, "&Copy", "Copy the selection to the clipboard", editor.copy, [Key.Copy]
        )
        self._add(menu, "&Paste", "Insert what is on the clipboard", editor.paste, [Key.Paste])
        self._add(menu, "Select &all", "Select the whole text", editor.selectAll, [Key.SelectAll])
        for action, available in (
            (undo, editor.undoAvailable),
            (redo, editor.redoAvailable),
            (cut, editor.copyAvailable),
            (copy, editor.copyAvailable),
        ):
            action.setEnabled(False)
            available.connect(action.setEnabled)
        menu.addSeparator()
        for action in window.find_bar.actions():
            tip = action.text().replace("&", "").rstrip("…")
            action.setStatusTip(f"{tip} in this text")
            action.setToolTip(f"{tip} in this text")
            menu.addAction(action)
            window.addAction(action)
        menu.addSeparator()
        settings = self._add(
            menu, "&Settings…", "Change how Lamplight looks and writes", window.settings, ["Ctrl+,"]
        )
        settings.setMenuRole(QAction.MenuRole.PreferencesRole)

    def _view(self) -> None:
        window, editor = self._window, self._window.editor
        menu = self._menu("&View")
        self._add(menu, "Zoom &in", "Make the text larger", editor.zoom_in, [Key.ZoomIn, "Ctrl+="])
        self._add(menu, "Zoom &out", "Make the text smaller", editor.zoom_out, [Key.ZoomOut])
        self._add(
            menu,
            "&Normal size",
            "Make the text as large as it was at first",
            editor.zoom_reset,
            ["Ctrl+0"],
        )
        menu.addSeparator()
        themes = menu.addMenu("&Theme")
        themes.setToolTipsVisible(True)
        self._themes = QActionGroup(window)
        for name, tip in (
            ("system", "Light or dark, as the desktop is"),
            ("light", "Dark letters on light paper"),
            ("dark", "Light letters on dark paper"),
        ):
            action = self._add(
                themes, f"&{name.capitalize()}", tip, partial(window.change, theme=name)
            )
            action.setCheckable(True)
            action.setData(name)
            self._themes.addAction(action)
        crafts = menu.addMenu("&Craft")
        crafts.setToolTipsVisible(True)
        self._crafts = QActionGroup(window)
        for craft, label, tip in (
            (None, "&As the file says", "See from the file's name and headings what it is"),
            (Craft.STORY, "&Story", "Paragraphs and dialogue"),
            (
                Craft.LYRICS,
                "&Lyrics and verse",
                "Lines and stanzas, with their syllables and rhymes in the margin",
            ),
            (Craft.CODE, "&Code", "The source of a program"),
        ):
            action = self._add(crafts, label, tip, partial(window.craft.choose, craft))
            action.setCheckable(True)
            action.setData(craft)
            self._crafts.addAction(action)
        self.files = self._check(
            menu,
            "&Files",
            "List the texts of the folder beside the editor",
            window.show_files,
            ["Ctrl+Shift+E"],
        )
        menu.addSeparator()
        self.full_screen = self._check(
            menu,
            "F&ull screen",
            "Use the whole screen",
            window.show_full_screen,
            [Key.FullScreen, "F11"],
        )
        self.focus_mode = self._check(
            menu,
            "Focus &mode",
            "Nothing but the text; the same key brings the rest back",
            window.show_text_alone,
            ["Shift+F11"],
        )
        menu.addSeparator()
        self._add(
            menu,
            "Next &part of the window",
            "Move the keyboard to the notice, the files, the model, and back to the text",
            window.focus_next_part,
            ["F6"],
        )

    def _suggest(self) -> None:
        """Most keys here are the editor's own: they only count while there is grey text."""
        completer, asking = self._window.completer, self._window.asking
        menu = self._menu("&Suggest")
        asking.next.setShortcut("Ctrl+Shift+Space")
        for action in (*asking.modes, asking.next, asking.pause, asking.go_on):
            if action is asking.pause:
                menu.addSeparator()
            menu.addAction(action)
            self._window.addAction(action)
        menu.addSeparator()
        self._add_grey(
            menu,
            "key_suggest",
            "Suggest no&w",
            "Suggest something here, however unsure the model is",
            completer.suggest,
        )
        self._add_grey(
            menu,
            "key_draft",
            "Write a &draft",
            "Write on from the cursor in grey; once more for another draft",
            completer.draft,
        )
        self._add_grey(
            menu,
            "key_dismiss",
            "&Stop or put away",
            "Stop the draft that is being written, or take the grey text away",
            completer.stop_or_dismiss,
        )
        menu.addSeparator()
        self._add_grey(
            menu,
            "key_accept",
            "&Take it",
            "Take the grey text; the settings say how much of it",
            completer.take,
        )
        for key, label, tip, amount in (
            ("key_all", "Take &all of it", "Take all of the grey text", Amount.ALL),
            ("key_word", "Take the next wo&rd", "Take its next word", Amount.WORD),
            (
                "key_sentence",
                "Take the next s&entence",
                "Take its next sentence; in verse and code, its next line",
                Amount.SENTENCE,
            ),
        ):
            self._add_grey(menu, key, label, tip, partial(completer.accept, amount))
        menu.addSeparator()
        for key, label, tip, step in (
            ("key_next", "Ne&xt suggestion", "Show another suggestion for the same place", 1),
            ("key_previous", "&Previous suggestion", "Show the one before it again", -1),
        ):
            self._add_grey(menu, key, label, tip, partial(completer.another, step))
        self._add_grey(
            menu, "key_review", "Read it o&ut", "Have it read by a screen reader", completer.review
        )
        menu.addSeparator()
        self._add(
            menu,
            "Ask for a &line…",
            "Ask for a line of verse with a rhyme and a number of syllables",
            self._window.line_bar.open,
            ["Ctrl+Shift+L"],
        )
        menu.addSeparator()
        self._own_words = self._check(
            menu,
            "Words fro&m my texts",
            "Suggest names that I have used before; off also deletes what was counted",
            lambda on: self._window.change(own_words=on),
        )
        self._add(
            menu,
            "Add a folder of m&y texts…",
            "Learn words from the texts in another folder, too",
            self._window.add_word_folder_dialog,
        )
        self._stop_words = self._add(
            menu,
            "Stop learnin&g words",
            "Count no more texts for now; the next start goes on with the rest",
            self._window.stop_learning_words,
        )
        self._stop_words.setVisible(False)
        menu.addSeparator()
        self._add(
            menu,
            "Forget what was learned",
            "Begin afresh with how sure a suggestion must be to be shown; words from my texts stay",
            self._window.forget_what_was_learned,
        )

    def _add_grey(
        self, menu: QMenu, key: str, label: str, tip: str, do: Callable[[], object]
    ) -> None:
        """An action whose key is a setting, and the editor's own."""
        self._grey[key] = (self._add(menu, label, tip, do), label)

    def _steering(self) -> None:
        window = self._window
        menu = self.steering = SteeringMenu(window.steered, window.editor, window)
        menu.open_wanted.connect(window.open)
        self._bar.addMenu(menu)
        menu.addSeparator()
        self.sees = self._check(
            menu,
            "&What the model sees",
            "Show the text that the model is given, and where each part comes from",
            window.show_what_the_model_sees,
            ["Ctrl+Shift+M"],
        )

    def _tuning(self) -> None:
        menu = self._menu("&Tuning")
        self._add(
            menu,
            "&Tune to my style…",
            "Let a model learn how you write, from texts of yours",
            self._window.show_tuning,
        )

    def _help(self) -> None:
        menu = self._menu("&Help")
        self._add(menu, "&Keys…", "All keys of Lamplight", self._window.keys, ["F1"])
        about = self._add(menu, "&About Lamplight…", "Version and licences", self._window.about)
        about.setMenuRole(QAction.MenuRole.AboutRole)

    def _fill_recent(self) -> None:
        menu, window = self.recent, self._window
        menu.clear()
        files, folders = window.memory.for_menu("files"), window.memory.for_menu("folders")
        for path in files:
            action = menu.addAction(_escaped(path.name), partial(window.open, path))
            action.setStatusTip(f"Open {path}")
            action.setToolTip(str(path))
        if files and folders:
            menu.addSeparator()
        for path in folders:
            action = menu.addAction(f"{_escaped(path.name)}/", partial(window.open_folder, path))
            action.setStatusTip(f"Open the folder {path}")
            action.setToolTip(str(path))
        if menu.isEmpty():
            menu.addAction("Nothing was opened yet").setEnabled(False)

    def _menu(self, title: str) -> QMenu:
        menu = self._bar.addMenu(title)
        menu.setToolTipsVisible(True)
        return menu

    def _add(
        self, menu: QMenu, label: str, tip: str, do: Callable[[], object], keys: Keys = ()
    ) -> QAction:
        action = QAction(label, self._window)
        action.setStatusTip(tip)
        action.setToolTip(tip)
        action.setShortcuts(_sequences(keys))
        action.triggered.connect(lambda: do())
        menu.addAction(action)
        self._window.addAction(action)
        return action

    def _check(
        self, menu: QMenu, label: str, tip: str, do: Callable[[bool], object], keys: Keys = ()
    ) -> QAction:
        action = self._add(menu, label, tip, lambda: do(action.isChecked()), keys)
        action.setCheckable(True)
        return action


def _sequences(keys: Keys) -> list[QKeySequence]:
    """Each key once; a standard key may stand for several, or for none on this desktop."""
    found: list[QKeySequence] = []
    for key in keys:
        each = [QKeySequence(key)] if isinstance(key, str) else QKeySequence.keyBindings(key)
        found += [sequence for sequence in each if sequence not in found]
    return found


def _escaped(name: str) -> str:
    return name.replace("&", "&&")
