"""The writer's text: files read and saved whole, projects, and nothing typed is lost."""

from studio.manuscript.errors import ChangedOnDisk, InUse, ManuscriptError, NotEncodable
from studio.manuscript.journal import Journal
from studio.manuscript.lease import FileLease
from studio.manuscript.project import (
    TEXT_SUFFIXES,
    Project,
    is_steering_folder,
    path_key,
    real_path,
    same_file,
    words_and_numbers,
)
from studio.manuscript.recovery import Recovery, pending_recoveries, pending_untitled
from studio.manuscript.steering import (
    SteeringFiles,
    begin_file,
    find_steering,
    lore_file,
    memory_file,
    note_file,
    read_steering,
    steering_home,
)
from studio.manuscript.text_file import (
    ASK_ABOVE_BYTES,
    Fingerprint,
    TextFile,
    changed_on_disk,
    read_text,
    write_text,
)

__all__ = [
    "ASK_ABOVE_BYTES",
    "TEXT_SUFFIXES",
    "ChangedOnDisk",
    "FileLease",
    "Fingerprint",
    "InUse",
    "Journal",
    "ManuscriptError",
    "NotEncodable",
    "Project",
    "Recovery",
    "SteeringFiles",
    "TextFile",
    "begin_file",
    "changed_on_disk",
    "find_steering",
    "is_steering_folder",
    "lore_file",
    "memory_file",
    "note_file",
    "path_key",
    "pending_recoveries",
    "pending_untitled",
    "read_steering",
    "read_text",
    "real_path",
    "same_file",
    "steering_home",
    "words_and_numbers",
    "write_text",
]
