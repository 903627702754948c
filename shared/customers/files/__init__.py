"""Files of people, as spreadsheets save them: the one reader for each that a business gives us."""
