"""Which learning rate, decay, warm-up and groups suit DCL-SE, and is anything gained over its defaults?

`bench tune --study hpo_dclse --trials 40` answers that: it searches each fold separately, on that fold's validation
part, and reports for each fold whether a candidate beats the defaults. `bench run --study hpo_dclse` trains only the
defaults. Without prepared scans the phantom of dementia replaces them, and training is brief: then the search shows
that it runs, and nothing about brains. The result is written to `tuned.json` in the study's folder. Commit it as
`studies/tuned/hpo_dclse.json`, and a study can use it by name: Arm("dclse", tuned="hpo_dclse").

Control: the defaults, which are the first of the 40 candidates of every fold.
Expected: validation scores 0.02 to 0.05 above the defaults' by selection alone; test scores may not gain.
Cost: not measured. It has twenty times the steps of the study `seeds`, before pruning: two days on two cores.
"""

from bench.core import Arm, Data, Light, Recipe, Study, Tuning

STUDY = Study(
    question="Which learning rate, decay, warm-up and groups suit DCL-SE, and is anything gained over its defaults?",
    datasets=[Data("ad_oasis")],
    reference="DCL-SE",
    arms={"DCL-SE": Arm("dclse")},
    tuning=Tuning(trials=40, pruner="median"),
    partitions=1,
    recipe=Recipe(steps=1000, batch_size=16),
    light=Light(Recipe(steps=20, batch_size=4, points=5), folds=2),
)
