from merian.core.errors import MerianError as MerianError
from merian.core.fields import Field as Field
from merian.core.fields import Grid as Grid
from merian.core.report import Report as Report
from merian.core.tables import Catalog as Catalog
from merian.core.tables import Records as Records
from merian.core.tree import Tree as Tree
from merian.core.vectors import Embeddings as Embeddings
from merian.core.vectors import Predictions as Predictions
from merian.encode import Encoder as Encoder
from merian.encode import open_encoder as open_encoder
from merian.identify import Head as Head
from merian.identify import Identifier as Identifier
from merian.identify import answer_rows as answer_rows

__version__: str
__all__: list[str]
