"""Who may read and write a file that takes the place of another one, or is made from it.

A new file belongs to who writes it. Group, owner and mode of the old one are set on it as far as the system
lets us: only the superuser gives files away, and only members of a group give files to it. What cannot be
kept opens a file to nobody else, and locks nobody out.
"""

import contextlib
import errno
import os
import stat
from dataclasses import dataclass, replace

__all__ = ["Rights", "strictest"]

_ACL = "system.posix_acl_access"
_GROUP, _OTHERS = 0o070, 0o007
# No permission, no such thing in this file system, or a number that this container does not know.
_NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL)


@dataclass(frozen=True)
class Rights:
    """Owner, group, mode and access list of a file.

    Attributes
    ----------
    owner, group : int
        Numbers; -1 for whoever writes the file.
    mode : int
        Permission bits.
    acl : bytes or None
        The access list, as the system stores it; None where there is none.
    """

    owner: int
    group: int
    mode: int
    acl: bytes | None = None

    @classmethod
    def of(cls, path):
        """Return the rights of the file at a path (or an open descriptor)."""
        found = os.stat(path)
        return cls(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), _acl(path))

    def give(self, descriptor):
        """Set these rights on a new file, as far as they can be kept.

        Parameters
        ----------
        descriptor : int
            Of a file that was opened for its owner alone.

        Returns
        -------
        Rights
            What the file has now. Where the group is another one, it may not do more than anybody.

        Raises
        ------
        OSError
            If the mode cannot be set.
        """
        # Each by itself: who may not give the file away may still give it to the group.
        _own(descriptor, -1, self.group)
        _own(descriptor, self.owner, -1)
        now = os.fstat(descriptor)
        wanted = self if now.st_gid == self.group else replace(self, mode=_narrowed(self.mode), acl=None)
        if not _set_acl(descriptor, wanted.acl):
            wanted = replace(wanted, mode=_narrowed(wanted.mode))
        # After the owner, whose change clears bits, and the list, whose mask the mode sets.
        os.fchmod(descriptor, wanted.mode)
        return Rights.of(descriptor)

    def loss(self, now):
        """Return who would lose a file with these rights if it had those instead; empty for nobody.

        Parameters
        ----------
        now : Rights

        Returns
        -------
        str
        """
        if now.group != self.group and self.mode & _GROUP != (self.mode & _OTHERS) << 3:
            return f"its group ({self.group}) could not be kept"
        if now.owner not in (self.owner, -1) and self.owner != 0:
            in_group = now.group == self.group and _may_be_member(self.owner, self.group)
            left = self.mode >> 3 if in_group else self.mode
            if self.mode >> 6 & ~left & 0o6:
                return f"its owner ({self.owner}) could not be kept, and would be locked out"
        return "its access list could not be kept" if self.acl and now.acl != self.acl else ""

    def expected(self, directory):
        """Return what a new file of this process in a directory would have of these rights.

        Parameters
        ----------
        directory : path-like

        Returns
        -------
        Rights
        """
        if not hasattr(os, "geteuid") or os.geteuid() == 0:
            return self
        place = os.stat(directory)
        inherited = place.st_gid if place.st_mode & stat.S_ISGID else os.getegid()
        is_member = self.group in (inherited, os.getegid(), *os.getgroups())
        return replace(self, owner=os.geteuid(), group=self.group if is_member else inherited)


def strictest(all_rights):
    """Return the rights of a file that tells of several others: nobody reads it who may not read them all.

    Parameters
    ----------
    all_rights : iterable of Rights
        One or more.

    Returns
    -------
    Rights
        Of whoever writes it.
    """
    all_rights = list(all_rights)
    mode = 0o666
    for one in all_rights:
        # A list may forbid what the mode allows; only the owner and those it does not name are sure.
        mode &= _narrowed(one.mode) if one.acl else one.mode
    mode |= stat.S_IRUSR | stat.S_IWUSR
    groups = {one.group for one in all_rights}
    return Rights(-1, groups.pop(), mode) if len(groups) == 1 else Rights(-1, -1, _narrowed(mode))


def _narrowed(mode):
    """Return the mode, with no more for the group than for all others."""
    return mode & ~_GROUP | mode & _GROUP & (mode & _OTHERS) << 3


def _own(descriptor, owner, group):
    now = os.fstat(descriptor)
    if hasattr(os, "fchown") and (owner not in (-1, now.st_uid) or group not in (-1, now.st_gid)):
        try:
            os.fchown(descriptor, owner, group)
        except OSError as error:
            if error.errno not in _NOT_ALLOWED:  # what became of it is looked at afterwards
                raise


def _may_be_member(user, group):
    """Whether a user is in a group; users that the system does not know may be."""
    try:
        import pwd

        entry = pwd.getpwuid(user)
        return group in os.getgrouplist(entry.pw_name, entry.pw_gid)
    except (ImportError, KeyError):
        return True


def _acl(path):
    if not hasattr(os, "getxattr"):
        return None
    try:
        return os.getxattr(path, _ACL)
    except OSError:
        return None  # there is none, or the file system has no such thing


def _set_acl(descriptor, acl):
    """Set an access list, or remove the one that the directory gave; tell whether the file has it now."""
    with contextlib.suppress(OSError):
        if acl:
            os.setxattr(descriptor, _ACL, acl)
        elif _acl(descriptor):
            os.removexattr(descriptor, _ACL)
    return _acl(descriptor) == acl
