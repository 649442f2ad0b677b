import { AUDIT_GUARDS } from './audit-guards.ts'
import { CHAIN_GUARDS } from './chain-guards.ts'
import { CLIENT_GUARDS } from './client-guards.ts'
import { CURVE_GUARDS } from './curve-guards.ts'
import { DIAGNOSIS_GUARDS } from './diagnosis-guards.ts'
import { EVIDENCE_GUARDS } from './evidence-guards.ts'
import { FROST_GUARDS } from './frost-guards.ts'
import { GUARDS, type Guard } from './guards.ts'
import { HANDOFF_GUARDS } from './handoff-guards.ts'
import { KEYGEN_GUARDS } from './keygen-guards.ts'
import { KEYS_GUARDS } from './keys-guards.ts'
import { MUSIG2_GUARDS } from './musig2-guards.ts'
import { OPERATOR_GUARDS } from './operator-guards.ts'
import { POLICY_GUARDS } from './policy-guards.ts'
import { REGISTRY_GUARDS } from './registry-guards.ts'
import { ROTATION_GUARDS } from './rotation-guards.ts'
import { RPC_GUARDS } from './rpc-guards.ts'
import { S2_GUARDS } from './s2-guards.ts'
import { SIGN_GUARDS } from './sign-guards.ts'

export const ALL_GUARDS: readonly Guard[] = [
  ...REGISTRY_GUARDS,
  ...GUARDS,
  ...AUDIT_GUARDS,
  ...CURVE_GUARDS,
  ...CHAIN_GUARDS,
  ...CLIENT_GUARDS,
  ...DIAGNOSIS_GUARDS,
  ...EVIDENCE_GUARDS,
  ...FROST_GUARDS,
  ...MUSIG2_GUARDS,
  ...KEYS_GUARDS,
  ...OPERATOR_GUARDS,
  ...POLICY_GUARDS,
  ...KEYGEN_GUARDS,
  ...SIGN_GUARDS,
  ...HANDOFF_GUARDS,
  ...ROTATION_GUARDS,
  ...RPC_GUARDS,
  ...S2_GUARDS,
]
