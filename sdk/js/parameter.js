// The 74 parameters of the catalogue in the order in which they are sent, with the form of each value.

export const PARAMETERS = Object.freeze({
  leadtype: "text", // Lead type
  callphase: "text", // Call phase
  id: "text", // Call id
  changedFields: "text", // Changed fields
  requestId: "text", // Request id
  requestNumber: "text", // External request id
  subject: "text", // Form name
  ctCallerId: "text", // Client id
  fio: "text", // Client name
  callerphone: "text", // Client phone
  email: "text", // Client e-mail
  phonenumber: "text", // Tracked number
  redirectNumber: "text", // Forwarding number
  duration: "number", // Talk time
  waiting_time: "number", // Waiting time
  calltime: "text", // Call date and time
  timestamp: "number", // Call time, Unix
  requestDate: "text", // Request date and time
  status: "text", // Call status
  unique: "flag", // Unique call
  targetcall: "text", // Target call
  uniqtargetcall: "text", // Unique target call
  callback: "text", // Callback
  uniquerequest: "flag", // Unique request
  targetrequest: "text", // Target request
  uniqtargetrequest: "text", // Unique target request
  worktime: "text", // Working hours
  pool: "text", // Number pool
  rating: "number", // Rating
  comment: "records", // Comments
  tags_auto_pr: "tags", // Predict tags
  tags_auto_af: "tags", // Antifraud tags
  tags_auto_gr: "tags", // Gender tags
  tags_auto_ct: "tags", // Extension tags
  tags_auto_pn: "tags", // Number tags
  tags_manual: "tags", // Manual tags
  tags_api: "tags", // API tags
  tags_request: "tags", // Form tags
  attribution: "number", // Attribution model
  source: "text", // Source
  medium: "text", // Medium
  utm_source: "text", // utm_source
  utm_medium: "text", // utm_medium
  utm_campaign: "text", // utm_campaign
  utm_content: "text", // utm_content
  utm_term: "text", // utm_term
  add_url_params: "records", // Tracked URL parameters
  gcid: "text", // Google Client ID
  yaClientId: "text", // Yandex Client ID
  sessionId: "text", // Session id
  hostname: "text", // Tracked host
  url: "text", // Landing page
  attrs: "object", // Third-party cookies
  callUrl: "text", // Call page
  requestUrl: "text", // Request page
  callback_request_id: "text", // Callback request id
  callback_final_attempt: "flag", // Final callback attempt
  ref: "text", // Referrer
  city: "text", // City
  browser: "text", // Browser
  os: "text", // Operating system
  device: "text", // Device
  ip: "text", // IP address
  sip_call_id: "text", // SIP session id
  callReferenceNumber: "text", // PBX call id
  reclink: "text", // Recording link
  orderId: "text", // Deal id
  siteId: "text", // Site id
  siteName: "text", // Site name
  userAgent: "text", // User agent
  sendingTimestamp: "number", // Sent at, Unix
  text: "records", // Transcript
  manager: "text", // Manager
  spam: "flag", // Spam mark
});
