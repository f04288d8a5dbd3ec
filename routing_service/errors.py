"""One exception family. Each class has a stable ``code`` that clients may rely on.

Domain code raises these; ``api/app.py`` holds the one table that maps them to HTTP, ``cli.py``
maps them to exit codes. A message says what is wrong and what to do about it.
"""

from __future__ import annotations


class HasuError(Exception):
    """Base of all errors that a user can cause or mend.

    Parameters
    ----------
    detail
        What is wrong and what to do, in one or two sentences.
    **facts
        Machine-readable extras (``distance_m``, ``field``…), repeated in problem+json.
    """

    code = "error"

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


# --- a request or an argument is wrong -----------------------------------------------------
class InvalidRequest(HasuError):
    """A field is missing, malformed, unknown or out of range."""

    code = "invalid_request"


class InvalidLocation(HasuError):
    """No location, two different ones, or one that cannot be read."""

    code = "invalid_location"


class SwappedCoordinates(HasuError):
    """Latitude and longitude look exchanged."""

    code = "swapped_coordinates"


class OutsideRegion(HasuError):
    """The location is not covered by the loaded network."""

    code = "outside_region"


class TooFarFromRoad(HasuError):
    """The nearest road that reaches the units is beyond the snapping limit."""

    code = "too_far_from_road"


class UnknownPostcode(HasuError):
    """The postcode is well formed but not in Code-Point Open."""

    code = "unknown_postcode"


class UnknownUnit(HasuError):
    """No unit with that ODS code is in the loaded network."""

    code = "unknown_unit"


class NoRoute(HasuError):
    """The unit cannot be reached from the location."""

    code = "no_route"


class UnknownClosure(HasuError):
    """No closure with that id is known here."""

    code = "unknown_closure"


class ClosureConflict(HasuError):
    """A closure with that id is known already and says something else, or was revoked."""

    code = "closure_conflict"


# --- who may -------------------------------------------------------------------------------
class Unauthorised(HasuError):
    """No key, or one that is not in force."""

    code = "unauthorised"


class Forbidden(HasuError):
    """The key is in force, but its role does not allow this."""

    code = "forbidden"


class InvalidPolicy(HasuError):
    """A policy file is malformed, or names units that the network does not have."""

    code = "invalid_policy"


class InvalidKeys(HasuError):
    """A file of keys cannot be read, or a key in it is malformed."""

    code = "invalid_keys"


class LooksLikePatientData(HasuError):
    """A field looks like an NHS number. The service takes nothing about a patient."""

    code = "looks_like_nhs_number"


class UnknownDecision(HasuError):
    """No decision of that id is in the audit trail."""

    code = "unknown_decision"


class AuditUnavailable(HasuError):
    """The audit trail cannot be written, and without it no decision may be given."""

    code = "audit_unavailable"


class NoAudit(HasuError):
    """The service keeps no audit trail."""

    code = "no_audit"


class InvalidAudit(HasuError):
    """There is no audit trail at that path."""

    code = "invalid_audit"


class InvalidClosure(HasuError):
    """A closure is malformed or contradicts itself."""

    code = "invalid_closure"


class ClosureHitsNothing(HasuError):
    """No road of the loaded network is where the closure says."""

    code = "closure_hits_nothing"


# --- a file or a build is wrong ------------------------------------------------------------
class GraphFileMissing(HasuError):
    """There is no graph file at that path."""

    code = "graph_missing"


class NotAGraphFile(HasuError):
    """The file does not start with the magic of a graph file."""

    code = "graph_not_ours"


class GraphFileVersion(HasuError):
    """The file was written in another version of the format."""

    code = "graph_version"


class GraphFileTruncated(HasuError):
    """The file is shorter than its manifest says."""

    code = "graph_truncated"


class GraphFileCorrupt(HasuError):
    """A checksum, the structure or the tree certificate does not hold."""

    code = "graph_corrupt"


class InvalidSource(HasuError):
    """Map data cannot be read or holds no roads."""

    code = "invalid_source"


class InvalidProfile(HasuError):
    """A profile file is malformed or incomplete."""

    code = "invalid_profile"


class InvalidSpeedSets(HasuError):
    """A file of speed sets is malformed."""

    code = "invalid_speed_sets"


class InvalidUnits(HasuError):
    """A units file is malformed, or a unit's door is not on the connected network."""

    code = "invalid_units"


class InvalidGolden(HasuError):
    """A file of golden incidents is malformed or made for other units."""

    code = "invalid_golden"


class InvalidCalibration(HasuError):
    """A calibration is malformed, or belongs to another network or profile."""

    code = "invalid_calibration"


class InvalidObservations(HasuError):
    """Observed times cannot be read, are too few, or contradict one another."""

    code = "invalid_observations"


class InvalidPoints(HasuError):
    """A table of points cannot be read, or has no column that says where its points are."""

    code = "invalid_points"


class JobChanged(HasuError):
    """A job that was broken off cannot go on: its points, graph or options are others now."""

    code = "job_changed"


class InvalidPopulation(HasuError):
    """A population, its weights or its groups cannot be read or do not fit together."""

    code = "invalid_population"


class InvalidStudy(HasuError):
    """A file of scenarios is malformed, or asks for what the network does not have."""

    code = "invalid_study"


class ClusterUnavailable(HasuError):
    """No Dask scheduler answers, it has no workers, or a worker is not fit for the job."""

    code = "cluster_unavailable"


class MissingExtra(HasuError):
    """An optional package is needed for this and is not installed."""

    code = "missing_extra"


class Busy(HasuError):
    """More is asked of the service at this moment than it can do in time."""

    code = "busy"


class NoService(HasuError):
    """No routing service answers at that address, or it refuses."""

    code = "no_service"


class InvalidSettings(HasuError):
    """An environment variable or an option has an unusable value."""

    code = "invalid_settings"


class NotReady(HasuError):
    """The service has no graph loaded yet."""

    code = "not_ready"


class NoStore(HasuError):
    """The service has no store of events, so its state cannot be changed."""

    code = "no_store"


class StateBehind(HasuError):
    """The state that the request asks for has not arrived here yet."""

    code = "state_behind"


# --- the live store ------------------------------------------------------------------------
class StoreUnavailable(HasuError):
    """The live store cannot be reached, is too slow, or cannot be written to."""

    code = "store_unavailable"


class StoreCorrupt(HasuError):
    """The live store does not hold what was written to it."""

    code = "store_corrupt"


class StoreVersion(HasuError):
    """The live store was written by a newer release."""

    code = "store_version"


class NotAStore(HasuError):
    """The database is there, but holds something else than a live store."""

    code = "store_not_ours"
