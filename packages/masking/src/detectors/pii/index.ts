import type { Detector } from '../../scan/detector.ts';

/** Every detector of the group `pii`. */
export const PII_DETECTORS: readonly Detector[] = [];
