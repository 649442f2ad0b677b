import { CodedError } from '../base/index.ts'

/** R17: two nodes of one key would approve and co-sign against each other. `what` is not done with it. */
export const keyElsewhere = (what: string): CodedError =>
  new CodedError(
    'KEY_IN_USE_ELSEWHERE',
    `another node speaks with this node's key, so nothing is ${what} with it: find that node and stop it, then restart this one`,
  )
