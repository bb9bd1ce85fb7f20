import pytest


def test_tensor_float_32_is_off_and_then_as_it_was():
    import tensorflow as tf

    from icdpm.metrics.networks.convolution import full_precision

    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    assert enabled()
    with pytest.raises(RuntimeError, match="within"), full_precision():
        assert not enabled()
        raise RuntimeError("within")
    assert enabled()
