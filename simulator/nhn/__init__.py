"""NHN Cloud's SMS, `https://sms.api.nhncloudservice.com`, as it answers on the wire (API v3.0)."""
