import { type Language, say } from '../../core/errors/wording.ts';
import { reasonIn } from '../../core/history/run-wording.ts';
import { present } from '../../core/text/present.ts';
import type { LineageStatus } from '../../fleet.ts';

/** Returns a status with its failures in a language. */
export function saidIn(language: Language, status: LineageStatus): LineageStatus {
  if (language === 'en') return status;
  const { failure, accountMissing, deployments, lackingAt } = status;
  return {
    ...status,
    deployments: deployments.map((one) => ({ ...one, ...reasonIn(one, language) })),
    ...present({
      failure: failure && { ...failure, ...say(failure, language) },
      accountMissing: accountMissing && { ...accountMissing, ...say(accountMissing, language) },
      lackingAt: lackingAt?.map((one) => ({ ...one, ...reasonIn(one, language) })),
    }),
  };
}
