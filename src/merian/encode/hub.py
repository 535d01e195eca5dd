"""Models by name: found among what is on this machine, pulled from the Hugging Face hub, listed, removed. The only home of huggingface_hub.

They lie in the hub's own cache (`HF_HOME`), so that what open_clip or pybioclip have fetched is found, and the other way round. A mirror is named by
`HF_ENDPOINT`; `HF_HUB_OFFLINE=1` asks no network. Only safetensors are taken: a file that can run code when it is read is not. Each large file is named by
its SHA-256 in that cache, and held to it after it was fetched; a damaged one is fetched again, once.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from merian.core.errors import BadData, BadSetting, Missing, nearest
from merian.core.store import digest, named_digest
from merian.encode.folder import CONFIG, TOKENIZER, WEIGHTS

__all__ = [
    "HUB",
    "KNOWN",
    "POCKET",
    "Known",
    "Present",
    "data_file",
    "default",
    "find",
    "labels",
    "local",
    "pocket",
    "present",
    "pull",
    "remove",
    "repo_of",
    "resolve",
]

HUB = "hf-hub:"
"""What open_clip writes before the name of a repository."""
FILES = (CONFIG, WEIGHTS, TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "README.md")
"""What is fetched of a repository."""
NEEDED = (CONFIG, WEIGHTS, TOKENIZER)
NAME = re.compile(r"[\w.-]+/[\w.-]+")
POCKET = "pocket"
"""The model in the package: it names photos when none is named and no larger one is here."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model with a short name."""

    name: str
    repository: str
    about: str
    labels: tuple[str, ...] = ()
    """The repository of a data set with text vectors of the taxa that it knows, and the path there without ".npy" and ".json"; further paths hold the same."""


KNOWN = {
    known.name: known
    for known in (
        Known(
            "bioclip-2",
            "imageomics/bioclip-2",
            "ViT-L/14 on TreeOfLife-200M (Gu et al. 2025)",
            ("imageomics/TreeOfLife-200M", "embeddings/txt_emb_bioclip-2", "embeddings/txt_emb_species"),
        ),
        Known(
            "bioclip-2.5",
            "imageomics/bioclip-2.5-vith14",
            "ViT-H/14 on TreeOfLife-200M (2026)",
            ("imageomics/TreeOfLife-200M", "embeddings/txt_emb_bioclip-2.5-vith14"),
        ),
        Known(
            "bioclip",
            "imageomics/bioclip",
            "ViT-B/16 on TreeOfLife-10M (Stevens et al. 2024)",
            ("imageomics/TreeOfLife-10M", "embeddings/txt_emb_species"),
        ),
        Known("biocap", "imageomics/biocap", "ViT-B/16 with descriptive captions (2025)"),
    )
}


@dataclass(frozen=True, slots=True)
class Present:
    """A model of the hub on this machine."""

    repository: str
    revision: str
    folder: Path
    size: int
    """Bytes on the disk."""
    lacks: tuple[str, ...]
    """Files that it needs and that are not there."""

    @property
    def name(self) -> str:
        """Its short name, or that of its repository."""
        return next((known.name for known in KNOWN.values() if known.repository == self.repository), self.repository)


def repo_of(name: str) -> str | None:
    """The repository that a name stands for: one of KNOWN, "hf-hub:owner/name", or open_clip's "ARCHITECTURE/TAG"; None for anything else."""
    if name in KNOWN:
        return KNOWN[name].repository
    if name.startswith(HUB) and NAME.fullmatch(name.removeprefix(HUB)):
        return name.removeprefix(HUB)
    return _tagged(name) if NAME.fullmatch(name) and not Path(name).exists() else None


@functools.cache
def _tagged(name: str) -> str | None:
    """The repository of a model in open_clip's list of pretrained ones, "ViT-B-16/laion2b_s34b_b88k"; None for another name, or without open_clip."""
    if importlib.util.find_spec("open_clip") is None:
        return None
    from merian.encode.torch import tagged

    return tagged(*name.split("/"))


def default() -> str:
    """The model to name photos with when none is named: the first of KNOWN that is on this machine with its labels, else the one in the package.

    BioCLIP 2, to be fetched, for a package that was built without one.
    """
    here = (known for known in KNOWN.values() if known.labels and find(known.name) is not None)
    rest = POCKET if (pocket() / CONFIG).is_file() else next(iter(KNOWN))
    return next((known.name for known in here if _labels_here(known) is not None), rest)


def pocket() -> Path:
    """The folder of the small model that came with the package."""
    return Path(__file__).parents[1] / POCKET


def local(where: str | Path) -> Path:
    """A folder as it is; "pocket" is the model in the package, unless there is a folder of that name."""
    return pocket() if str(where) == POCKET and not Path(where).is_dir() else Path(where)


def present() -> list[Present]:
    """The models of open_clip's layout in the hub's cache, by name; no network is asked."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir()
    except CacheNotFound:
        return []
    found = []
    for repository in cache.repos:
        revision = max(repository.revisions, key=lambda r: ("main" in r.refs, r.last_modified), default=None)
        if repository.repo_type != "model" or revision is None:
            continue
        names = {str(Path(file.file_path).relative_to(revision.snapshot_path)) for file in revision.files}
        if CONFIG in names:
            lacks = tuple(name for name in NEEDED if name not in names)
            folder = Path(revision.snapshot_path)
            found.append(Present(repository.repo_id, revision.commit_hash, folder, revision.size_on_disk, lacks))
    return sorted(found, key=lambda model: model.name)


def find(name: str) -> Path | None:
    """The folder of a model of the hub that is whole on this machine; None when it is not."""
    from huggingface_hub import try_to_load_from_cache

    repository = repo_of(name)
    if repository is None:
        return None
    files = [
        try_to_load_from_cache(repository, file) for file in NEEDED
    ]  # a look at three names, the whole cache only if need be
    if all(isinstance(file, str) for file in files):
        return Path(str(files[0])).parent
    return next((model.folder for model in present() if model.repository == repository and not model.lacks), None)


def resolve(where: str | Path) -> Path:
    """The folder of a model: a folder as it is, a model of the hub from the cache, else from the network.

    Raises Missing with what is present when it cannot be had, BadSetting for a name that is neither a folder nor known.
    """
    name = str(where)
    if local(where).is_dir():
        return local(where)
    if repo_of(name) is None:
        _unknown(name)
    return find(name) or pull(name)


def pull(name: str) -> Path:
    """The folder of a model of the hub, fetched unless it is there; a fetch that was cut off goes on.

    Raises BadSetting for an unknown name, Missing without a network or when the repository has no such model, BadData for a file that stays damaged.
    """
    repository = repo_of(name)
    if repository is None:
        _unknown(name)
    folder = _whole(repository, FILES, "model")
    lacks = [file for file in NEEDED if not (folder / file).is_file()]
    if lacks:
        rule = "it has no model in open_clip's layout with safetensors"
        raise Missing(", ".join(lacks), f"the repository {repository}", f"{rule}; {_there()}")
    return folder


def labels(name: str) -> Path | None:
    """The published label file (its .npy, the .json beside it) of a known model, fetched unless it is there; None for a model that has none.

    Raises Missing without a network, BadData for a file that stays damaged.
    """
    repository = repo_of(name)
    known = next((known for known in KNOWN.values() if known.repository == repository), None)
    if known is None or not known.labels:
        return None
    where, path = known.labels[:2]
    return _labels_here(known) or _whole(where, [f"{path}.npy", f"{path}.json"], "dataset") / f"{path}.npy"


def _labels_here(known: Known) -> Path | None:
    """The label file of a known model, where it is on this machine."""
    from huggingface_hub import try_to_load_from_cache

    where, *paths = known.labels
    for path in paths:
        here = [try_to_load_from_cache(where, f"{path}{suffix}", repo_type="dataset") for suffix in (".npy", ".json")]
        if all(isinstance(file, str) for file in here):
            return Path(str(here[0]))
    return None


def data_file(repository: str, path: str) -> Path:
    """A file of a data set of the hub, fetched unless it is there; raises Missing and BadData as `labels`."""
    from huggingface_hub import try_to_load_from_cache

    here = try_to_load_from_cache(repository, path, repo_type="dataset")
    return Path(here) if isinstance(here, str) else _whole(repository, [path], "dataset") / path


def remove(name: str) -> int:
    """Take a model of the hub off this machine; how many bytes that freed. Raises Missing when it is not there."""
    from huggingface_hub import scan_cache_dir

    repository = repo_of(name)
    if repository is None:
        _unknown(name)
    if all(model.repository != repository for model in present()):
        raise Missing(f"the model {name!r}", "this machine", _there())
    cache = scan_cache_dir()
    revisions = [
        revision.commit_hash
        for repo in cache.repos
        if repo.repo_id == repository and repo.repo_type == "model"
        for revision in repo.revisions
    ]
    plan = cache.delete_revisions(*revisions)
    plan.execute()
    return int(plan.expected_freed_size)


def _whole(repository: str, files: Sequence[str], kind: str) -> Path:
    """The snapshot with these files, each as its SHA-256 says; a damaged one is fetched once more."""
    folder = _fetched(repository, files, kind)
    if damaged := list(_damaged(folder)):
        for blob in damaged:
            blob.unlink()
        folder = _fetched(repository, files, kind)
        if damaged := list(_damaged(folder)):
            raise BadData(damaged[0], f"came damaged from {repository} twice: its SHA-256 is not what the hub says")
    return folder


def _fetched(repository: str, files: Sequence[str], kind: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    where, what = os.environ.get("HF_ENDPOINT", "https://huggingface.co"), f"the {kind} {repository}"
    try:
        return Path(snapshot_download(repository, repo_type=kind, allow_patterns=list(files)))
    except GatedRepoError as error:
        raise Missing(what, where, "it asks for consent on its page and a token (HF_TOKEN)") from error
    except RepositoryNotFoundError as error:
        raise Missing(what, where, f"there is no such repository; {_there()}") from error
    except (HfHubHTTPError, OSError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Missing(what, where, f"the network does not answer ({first}); {_there()}") from error


def _damaged(folder: Path) -> Iterator[Path]:
    """The large files of a snapshot whose content is not what their name says."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and named_digest(path) == path.resolve().name != digest(path):
            yield path.resolve()


def _there() -> str:
    names = [model.name for model in present() if not model.lacks]
    return f"on this machine: {', '.join(names)}" if names else "no model of the hub is on this machine"


def _unknown(name: str) -> NoReturn:
    close = nearest(name.removeprefix(HUB), [POCKET, *KNOWN, *(model.repository for model in present())])
    hint = f"; nearest: {', '.join(close)}" if close else ""
    told = f"is no folder and none of {', '.join([POCKET, *KNOWN])}; a repository is written {HUB}owner/name, a model of open_clip's list ViT-B-16/TAG{hint}"
    raise BadSetting("model", name, told)
