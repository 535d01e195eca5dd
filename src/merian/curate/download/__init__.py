"""Download images politely: hosts in turn, each at its own pace, nothing lost, nothing twice."""

from merian.curate.download.run import Downloaded, download, estimate
from merian.curate.download.settings import DownloadSettings
from merian.curate.download.source import downloaded

__all__ = ["DownloadSettings", "Downloaded", "download", "downloaded", "estimate"]
