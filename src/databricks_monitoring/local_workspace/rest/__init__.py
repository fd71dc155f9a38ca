"""What every REST service shares: errors, paging, masks, request fields."""
