import { asPendingId, asSetHash } from '../base/index.ts'
import { PURPOSES, type Purpose, type Topic } from './types.ts'

/** Networks are named in topics, so their alphabet is that of a topic's segment. */
const NETWORK = /^[a-z0-9][a-z0-9._-]{0,31}$/
const TOPIC = /^\/countersign\/([a-z0-9][a-z0-9._-]{0,31})\/([0-9a-f]{64})\/([a-z]{1,16})\/1$/

const isPurpose = (text: string): text is Purpose => PURPOSES.some((p) => p === text)

/** Throws TypeError on a name that can't stand in a topic. */
export function checkNetworkName(network: string): string {
  if (!NETWORK.test(network)) throw new TypeError('network name: expected 1–32 of a–z, 0–9, ".", "_", "-"')
  return network
}

/** `/countersign/<network>/<set hash or pending id>/<purpose>/1`: what is subscribed to, and what an envelope's signature covers (R12). */
export const topicName = (topic: Topic): string => `/countersign/${topic.network}/${topic.scope}/${topic.purpose}/1`

/** The topic of a name; undefined if it isn't exactly what `topicName` makes. */
export function parseTopicName(name: string): Topic | undefined {
  const [, network, scope, purpose] = TOPIC.exec(name) ?? []
  if (network === undefined || scope === undefined || purpose === undefined || !isPurpose(purpose)) return undefined
  return { network, scope: purpose === 'keygen' ? asPendingId(scope) : asSetHash(scope), purpose }
}
