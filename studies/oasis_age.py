"""How well does each way of encoding a brain predict age, on all 436 sessions of OASIS-1?

The arms and image sizes of `oasis_sex`, for a question that the same scans answer better: a linear model is
wrong by about 8 years where the median is by 23. Sessions of one person stay together.

Primary: the mean image against the dynamic image, DCL-SE against the plain network on the same image, DCL-SE without
groups against DCL-SE, and the 3D network against the plain 2D network; margin of equivalence: two years. The budget
was chosen on validation data (results/reference/budgets). Before protocol 2 this study had a DenseNet-121, Xing 2020
and others at 200 steps; `main_comparison` has them. `bench plan`: 80 % of such studies would show a difference of
1.94 years of MAE on age_oasis (1 year takes 20 partitions and 1,300 people).
"""

from dataclasses import replace

from bench.core import Data, Recipe
from studies.oasis_sex import STUDY as SEX

STUDY = replace(
    SEX,
    question="Which encoding of a brain predicts the age of a person best, on OASIS-1?",
    datasets=[Data("age_oasis")],
    margin=2.0,
    recipe=Recipe(steps=500, batch_size=8, points=10),
)
