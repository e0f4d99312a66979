"""The devices on which a user does not have to enter a code, and forgetting them."""

from uuid import UUID

from authapp.domain import activity
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.domain.factors import remembered_devices
from authapp.errors import NotFound
from authapp.models import Activity, RememberedDevice, db
from authapp.models.transaction import transaction


def forget(user_id: UUID, device_id: UUID, *, client: Client) -> None:
    """Ask for a code on a device again; raises NotFound for one of another user."""
    with transaction():
        found = db.session.get(RememberedDevice, device_id)
        if found is None or found.user_id != user_id:
            raise NotFound("no such device")
        where = device(found.user_agent)
        remembered_devices.forget(user_id, RememberedDevice.id == device_id)
        details = {"program": where.program, "system": where.system}
        activity.note(user_id, Activity.DEVICES_FORGOTTEN, client, **details)


def forget_all(user_id: UUID, *, client: Client) -> int:
    """Forget every device, so that each asks for a code again, and return how many there were."""
    with transaction():
        forgotten = remembered_devices.forget(user_id)
        if forgotten:
            activity.note(user_id, Activity.DEVICES_FORGOTTEN, client)
    return forgotten
