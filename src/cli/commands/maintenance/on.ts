import { maintenanceSwitch } from '../../maintenance-switch.ts';

export default maintenanceSwitch(true);
