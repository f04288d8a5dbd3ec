"""Areas to GeoJSON and GeoPackage, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from routing_service.errors import InvalidRequest
from routing_service.planner.writers import GDAL_OPTIONS

LAYER = "areas"


def check_area_output(path: Path) -> None:
    """Refuse an output before the work begins; raises `InvalidRequest`."""
    if path.suffix.lower() not in (".geojson", ".gpkg"):
        raise InvalidRequest(f"{path.name}: areas are written as .geojson or .gpkg")


def write_areas(path: Path, found: dict[str, Any]) -> None:
    """Write a FeatureCollection; a GeoPackage loses what is said of the whole collection."""
    if path.suffix.lower() == ".geojson":
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        path.write_text(text + "\n", encoding="utf-8")
        return
    import numpy as np
    import pyogrio
    from shapely import to_wkb
    from shapely.geometry import shape

    features = found["features"]
    areas = np.array([to_wkb(shape(feature["geometry"])) for feature in features], dtype=object)
    names = list(features[0]["properties"]) if features else []
    columns = [np.array([feature["properties"][name] for feature in features]) for name in names]
    pyogrio.set_gdal_config_options(GDAL_OPTIONS)
    try:
        path.unlink(missing_ok=True)
        pyogrio.raw.write(
            path,
            areas,
            columns,
            names,
            layer=LAYER,
            driver="GPKG",
            geometry_type="MultiPolygon",
            crs="EPSG:4326",
        )
    finally:
        pyogrio.set_gdal_config_options(dict.fromkeys(GDAL_OPTIONS))
