from telltale.models.estimators import estimator_named
from telltale.train.estimator_choice import complete_parameters
from telltale.train.fitted import TrainingChoices


def test_the_device_of_the_settings_is_for_models_that_have_one() -> None:
    wish = TrainingChoices(device="cuda")

    assert complete_parameters(estimator_named("mlp"), wish)["device"] == "cuda"
    assert "device" not in complete_parameters(estimator_named("robust_z"), wish)


def test_the_device_of_the_command_line_goes_before_that_of_the_settings() -> None:
    both = TrainingChoices(device="cuda", parameters={"device": "cpu"})

    assert complete_parameters(estimator_named("mlp"), both)["device"] == "cpu"
