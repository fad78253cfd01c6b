"""What stands near what: near duplicates, hubs, confusable pairs, boilerplate, coverage gaps."""

from whymiss.neighbourhood.report import TABLES, Neighbourhood, neighbourhood_of

__all__ = ["TABLES", "Neighbourhood", "neighbourhood_of"]
