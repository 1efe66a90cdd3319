export type { OnPending } from './approval-client.ts';
export { type ControlLink, type ControlLinkOptions, openControlLink } from './control-link.ts';
export { type EdgeCapabilities, EnrolmentRefused } from './enrolment.ts';
