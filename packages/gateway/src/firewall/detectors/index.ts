import type { Detector } from '../detector.ts'
import { hiddenText } from './hidden-text.ts'
import { knownSecrets } from './known-secrets.ts'

/** Every detector, in the order in which they look. */
export const detectors = (secrets: () => ReadonlyMap<string, string>): readonly Detector[] => [
  knownSecrets(secrets),
  hiddenText,
]
