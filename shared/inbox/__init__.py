"""What customers are shown in a business' own app: kept here, copied to Firestore, and marked as read there."""
