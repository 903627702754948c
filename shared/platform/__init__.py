"""What any service needs, in no word of the business."""
