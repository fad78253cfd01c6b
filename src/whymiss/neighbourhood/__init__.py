"""What stands near what: near duplicates, hubs, confusable pairs, boilerplate, coverage gaps."""
