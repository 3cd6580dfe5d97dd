import type { Detector } from '../detector.ts'
import { exfiltration } from './exfiltration.ts'
import { hiddenText } from './hidden-text.ts'
import { injection } from './injection.ts'
import { knownSecrets } from './known-secrets.ts'
import { personalData } from './personal-data.ts'
import { secrets } from './secrets.ts'
import { toolMarkup } from './tool-markup.ts'

/** Every detector, in the order in which they look. */
export const detectors = (known: () => ReadonlyMap<string, string>): readonly Detector[] => [
  knownSecrets(known),
  hiddenText,
  secrets,
  injection,
  exfiltration,
  personalData,
  toolMarkup,
]
