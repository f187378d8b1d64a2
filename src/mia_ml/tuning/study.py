"""A study that can be killed at any instant and comes to the same end.

Trials are numbered from 0 and proposed in batches; the proposals of a batch are a function of the seed, the batch and
the trials of earlier batches (`proposals`), and so is what prunes them (`pruning`). They are written down before they
are used, and each trial is written once, when it is finished. What a run adds is therefore decided by what is stored:
the trials without an entry, in order, until as many have finished as were asked for. A failed trial is stored and
counted and another takes its place.

The result is the first trials, in order of their numbers, that contain so many finished ones: it depends neither on
the number of workers, nor on interruptions, nor on whether more trials were run before.
"""

import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.tuning import proposals
from mia_ml.tuning.attempt import Attempt, Evaluate, Recorder
from mia_ml.tuning.entries import entry, trial_of
from mia_ml.tuning.plan import Plan
from mia_ml.tuning.pruning import NEVER, Cut
from mia_ml.tuning.records import Trial
from mia_ml.tuning.storage import Storage, open_storage

Progress = Callable[[int, int], None]

WAIT_S = 0.05  # until another look at trials that other processes evaluate
PLAN = "plan"
POINTS = "points:"


@dataclass(frozen=True)
class _Running:
    number: int
    future: Future[Trial]


class Study:
    """A study by its name in a storage; `plan` is needed when it is new, and compared when it is not.

    where: the path of a journal, a PostgreSQL URL or "memory" (see `storage`). Raises ConfigError when the stored study
    was planned otherwise or does not exist, DataError when the storage cannot be used. A context manager: leaving it
    gives the storage back.
    """

    def __init__(self, where: str, name: str, plan: Plan | None = None) -> None:
        self.name = name
        self._storage = open_storage(where)
        try:
            with self._storage.alone(self._key("plan")):
                self._study, self.plan = _opened(self._storage, name, plan)
            self._distributions = self.plan.space.distributions()
            self._stored: dict[int, Trial] = {}
            self._entries_read = 0
            self._points: dict[int, np.ndarray] = {}
            self._read_points()
            self._read_trials()
        except BaseException:
            self._storage.close()
            raise

    def __enter__(self) -> "Study":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._storage.close()

    def trials(self, n_trials: int | None = None) -> list[Trial]:
        """Stored trials by number; with `n_trials` the first ones that contain so many finished ones."""
        if n_trials is None:
            return [self._stored[number] for number in sorted(self._stored)]
        first: list[Trial] = []
        finished = 0
        while finished < n_trials and len(first) in self._stored:
            first.append(self._stored[len(first)])
            finished += first[-1].finished
        return first

    def optimize(
        self,
        n_trials: int,
        evaluate: Evaluate,
        workers: int = 1,
        progress: Progress | None = None,
        recorder: Recorder | None = None,
    ) -> list[Trial]:
        """Runs trials until `n_trials` have finished, those stored before included; the trials up to there.

        evaluate: from params and a cut to a Result, a pure function, called on `workers` threads. What it raises makes
        its trial a failed one, and so do values that are not finite. progress: called with finished and asked for.
        recorder: told of what is evaluated now, not of what was stored before. Raises DataError when every trial of a
        batch failed.
        """
        with ThreadPoolExecutor(max_workers=workers) as pool:
            while missing := self._missing(n_trials):
                if progress:
                    progress(_finished(self.trials(n_trials)), n_trials)
                self._run(missing, Attempt(evaluate, len(self.plan.objectives), recorder), pool, workers)
        if progress:
            progress(n_trials, n_trials)
        return self.trials(n_trials)

    def _missing(self, n_trials: int) -> list[int]:
        """The next trials to evaluate, all of one batch, as if none of them would fail; none when all is done."""
        first = self.trials(n_trials)
        batch = len(first) // self.plan.batch
        self._refuse_hopeless(first)
        finished, missing = _finished(first), []
        for number in range(len(first), (batch + 1) * self.plan.batch):
            if finished >= n_trials:
                break
            if number not in self._stored:
                missing.append(number)
            finished += number not in self._stored or self._stored[number].finished
        return missing

    def _refuse_hopeless(self, first: Sequence[Trial]) -> None:
        size = self.plan.batch
        for start in range(0, len(first) - size + 1, size):
            batch = first[start : start + size]
            if not _finished(batch):
                raise DataError(
                    f"study '{self.name}': all {size} trials of batch {batch[0].batch} failed, the first with "
                    f"{batch[0].error}; correct that and give the study a new name"
                )

    def _run(self, missing: Sequence[int], attempt: Attempt, pool: ThreadPoolExecutor, workers: int) -> None:
        """Evaluates what of `missing` no other process does, and waits until all of it is stored."""
        batch = missing[0] // self.plan.batch
        points, cut = self._batch(batch)
        todo, running = deque(missing), list[_Running]()
        most = workers if self._storage.shared else len(missing)
        try:
            while todo or running:
                for number in self._claimed(todo, most - len(running)):
                    params = self.plan.space.params(points[number % self.plan.batch])
                    running.append(_Running(number, pool.submit(attempt, number, batch, params, cut)))
                if not running:
                    time.sleep(WAIT_S)
                    continue
                one = self._next(running)
                trial = one.future.result()
                self._storage.assert_held()
                self._write(trial)
                running.remove(one)
                self._storage.release(self._key(one.number))
        finally:
            for one in running:
                one.future.cancel()
                with contextlib.suppress(DataError):  # what brought us here is what the user has to know
                    self._storage.release(self._key(one.number))

    def _claimed(self, todo: deque[int], most: int) -> list[int]:
        """Trials that are ours from now on. Those finished elsewhere leave `todo`, those claimed elsewhere stay."""
        claimed: list[int] = []
        for _ in range(len(todo)):
            if len(claimed) == most:
                break
            number = todo.popleft()
            if not self._storage.claim(self._key(number)):
                todo.append(number)
                continue
            if self._storage.shared:
                self._read_trials()  # only now nobody else can be finishing it
            if number in self._stored:
                self._storage.release(self._key(number))
            else:
                claimed.append(number)
        return claimed

    def _next(self, running: Sequence[_Running]) -> _Running:
        """The trial to write next: in order, or where others write as well the first that is done."""
        if self._storage.shared:
            wait([one.future for one in running], return_when=FIRST_COMPLETED)
            return next(one for one in running if one.future.done())
        return running[0]

    def _batch(self, batch: int) -> tuple[np.ndarray, Cut]:
        """Points and cut of a batch whose predecessors are complete; the first to come writes the points down."""
        earlier = [self._stored[number] for number in range(batch * self.plan.batch)]
        if batch not in self._points:
            with self._storage.alone(self._key(f"batch {batch}")):
                if self._storage.shared:
                    self._read_points()
                if batch not in self._points:
                    self._propose(batch, earlier)
        return self._points[batch], self.plan.pruning.cut(earlier) if self.plan.pruning else NEVER

    def _propose(self, batch: int, earlier: Sequence[Trial]) -> None:
        plan, size = self.plan, self.plan.batch
        told = [(self._points[trial.batch][trial.number % size], trial) for trial in earlier]
        points = proposals.propose(plan.sampler, plan.space.choices, len(plan.objectives), plan.seed, batch, size, told)
        self._study.set_user_attr(f"{POINTS}{batch}", points.tolist())
        self._points[batch] = points

    def _read_points(self) -> None:
        for key, value in self._study.user_attrs.items():
            if key.startswith(POINTS):
                self._points[int(key.removeprefix(POINTS))] = np.array(value)

    def _read_trials(self) -> None:
        entries = self._study.get_trials(deepcopy=False)
        for stored in entries[self._entries_read :]:
            trial = trial_of(stored)
            if trial:
                self._stored.setdefault(trial.number, trial)
        self._entries_read = len(entries)

    def _write(self, trial: Trial) -> None:
        stored = entry(trial, self._distributions)
        self._study.add_trial(stored)
        known = trial_of(stored)
        assert known is not None
        self._stored.setdefault(trial.number, known)

    def _key(self, what: int | str) -> str:
        return f"{self.name}/{what}"


def _opened(storage: Storage, name: str, plan: Plan | None) -> tuple[optuna.Study, Plan]:
    """Optuna's study and its plan, made when there is none."""
    try:
        study = optuna.load_study(study_name=name, storage=storage.optuna)
    except KeyError:
        if plan is None:
            known = ", ".join(optuna.get_all_study_names(storage.optuna)) or "none"
            raise ConfigError(f"study '{name}' does not exist, known are: {known}; give its plan to begin it") from None
        directions = [StudyDirection.MAXIMIZE] * len(plan.objectives)
        study = optuna.create_study(study_name=name, storage=storage.optuna, directions=directions)
    if not storage.shared:
        _bury(study)
    stored = study.user_attrs.get(PLAN)
    if stored is None:
        if plan is None or study.trials:
            raise ConfigError(f"study '{name}' was not begun here: give the study another name")
        study.set_user_attr(PLAN, plan.as_dict())
        return study, plan
    if plan is not None:
        asked = json.loads(json.dumps(plan.as_dict()))
        other = [key for key in asked if asked[key] != stored[key]]
        if other:
            raise ConfigError(
                f"study '{name}' was begun with another {other[0]}: {json.dumps(stored[other[0]])}, not "
                f"{json.dumps(asked[other[0]])}; give this one another name or remove the stored one"
            )
    return study, plan or Plan.from_dict(stored)


def _bury(study: optuna.Study) -> None:
    """Ends what another tool left running in a storage that is now ours alone."""
    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
        study.tell(left.number, state=TrialState.FAIL)


def _finished(trials: Sequence[Trial]) -> int:
    return sum(trial.finished for trial in trials)
