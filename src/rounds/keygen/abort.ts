import { type PublicKey, unreachable, zeroize } from '../../base/index.ts'
import { encodeKeygen, isOversized } from './codec.ts'
import { type KeygenState, type Phase, type Transition, utterance, withPhase } from './state.ts'
import type { FaultCode, FaultProof, KeygenPayloads } from './steps.ts'
import type { KeygenAbort, KeygenEffect, KeygenFault } from './types.ts'

/** Ends the attempt. Findings of our own are told to the others, who may not have seen what we saw (R19). */
export function abort(state: KeygenState, reason: KeygenAbort): Transition {
  const effects: KeygenEffect[] = []
  const complaint = complaintOf(reason)
  if (complaint !== undefined)
    effects.push({ kind: 'publish', utterance: utterance(state, 'complaint', encodeComplaint(complaint)) })
  effects.push({ kind: 'disarm', name: 'step' }, { kind: 'disarm', name: 'resend' })
  effects.push({ kind: 'aborted', reason, confirmed: confirmedIn(state), certified: state.certified })
  // R20: others may have heard all the confirms before they heard of the end, and then they never leave this transcript.
  if (state.phase.kind === 'confirming' && !state.certified)
    return { state: withPhase(state, { ...state.phase, kind: 'left' }), effects }
  destroySecrets(state.phase)
  return { state: withPhase(state, { kind: 'aborted' }), effects }
}

/** Ends the attempt for what one member said. */
export const abortForFault = (
  state: KeygenState,
  member: PublicKey,
  code: FaultCode,
  ...wires: readonly Uint8Array[]
): Transition => abort(state, { kind: 'fault', faults: [{ member, code, wires }] })

export const abortForFaults = (state: KeygenState, faults: readonly KeygenFault[]): Transition =>
  abort(state, { kind: 'fault', faults })

/** A proof that goes into no complaint, of one as large as ours may be, is left out: the others heard what we heard. */
function encodeComplaint(complaint: KeygenPayloads['complaint']): Uint8Array {
  const payload = encodeKeygen('complaint', complaint)
  return isOversized('complaint', payload) ? encodeKeygen('complaint', { ...complaint, proof: undefined }) : payload
}

/** One payload per slot (R16), so one complaint names one member. */
function complaintOf(reason: KeygenAbort): KeygenPayloads['complaint'] | undefined {
  if (reason.kind === 'transcript_mismatch')
    return { accused: undefined, code: 'transcript_mismatch', proof: undefined }
  const fault = reason.kind === 'fault' ? reason.faults[0] : undefined
  return fault && { accused: fault.member, code: fault.code, proof: proofOf(fault) }
}

/** Only what anybody can check is called a proof: whoever shows one that does not hold is at fault itself. */
function proofOf({ code, wires, reveal, commitments = [] }: KeygenFault): FaultProof | undefined {
  // A key that contradicts its transcript shows only beside all that was ever dealt.
  if (code === 'transcript_mismatch') return undefined
  // Copied from somebody else: who had it first, nobody can show.
  if (code === 'repeated_ephemeral' && wires.length < 2) return undefined
  return { wires, reveal, commitments }
}

function confirmedIn({ phase, said }: KeygenState) {
  return said.confirm !== undefined && 'transcript' in phase ? phase.transcript : undefined
}

/** The key itself is left: the driver may be sealing it at this moment, and a confirmed one must be kept (R20). */
export function destroySecrets(phase: Phase): void {
  switch (phase.kind) {
    case 'opening':
      phase.receiverKey.destroy()
      return
    case 'dealing':
      phase.receiverKey.destroy()
      phase.dealer.destroy()
      zeroize(...phase.shares.values())
      return
    case 'confirming':
    case 'committing':
    case 'trying':
    case 'left':
      phase.nonces.destroy()
      return
    case 'idle':
    case 'persisting':
    case 'done':
    case 'aborted':
      return
    default:
      unreachable(phase)
  }
}

/** For a driver that gives up an attempt before its end: forgets the secrets of it. The state is of no use afterwards. */
export const disposeKeygen = (state: KeygenState): void => destroySecrets(state.phase)
