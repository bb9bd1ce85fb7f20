"""Some of the pairs of a source."""


class SelectedPairs:
    """A `PairSource` of chosen pairs of another.

    Args:
      source: the other `PairSource`.
      indices: of the pairs, in it.
      description: one line for logs and results.
    """

    def __init__(self, source, indices, description):
        self._source = source
        self._indices = indices
        self.names = [source.names[index] for index in indices]
        self.description = description

    def __len__(self):
        return len(self._indices)

    def load(self, index):
        """The pair (blurry, sharp) at `index`, uint8 [height, width, 3]."""
        return self._source.load(self._indices[index])

    def check_crop(self, crop):
        """Raises DataError where a picture of the whole source is narrower or lower than `crop` pixels."""
        self._source.check_crop(crop)
